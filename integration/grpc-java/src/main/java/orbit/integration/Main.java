package orbit.integration;

import com.google.gson.Gson;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A client of the Orbit server on the JVM, with the library that the original's client stands on. It runs one scenario
 * and tells what it saw, one JSON object a line; ../grpc-java.test.ts starts the server, chooses and judges.
 *
 * <p>Main SCENARIO HOST:PORT
 */
public final class Main {
  interface Scenario {
    void run(ManagedChannel channel) throws Exception;
  }

  private static final Map<String, Scenario> SCENARIOS =
      Map.of("lifecycle", Lifecycle::run, "strangers", Strangers::run, "survivor", Lifecycle::resume);
  private static final Gson JSON = new Gson();

  public static void main(String[] args) throws Exception {
    Scenario scenario = args.length == 2 ? SCENARIOS.get(args[0]) : null;
    if (scenario == null) throw new IllegalArgumentException("expected one of " + SCENARIOS.keySet() + " and HOST:PORT");
    ManagedChannel channel = ManagedChannelBuilder.forTarget(args[1]).usePlaintext().build();
    try {
      scenario.run(channel);
    } finally {
      channel.shutdownNow();
    }
  }

  /** Tells what was seen at a step, as names and values in turn. */
  static void tell(String step, Object... facts) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", step);
    for (int at = 0; at < facts.length; at += 2) line.put((String) facts[at], facts[at + 1]);
    System.out.println(JSON.toJson(line));
  }
}
