package orbit.integration;

import static orbit.integration.Main.tell;
import static orbit.integration.Node.instant;
import static orbit.integration.Node.reference;

import io.grpc.ManagedChannel;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import orbit.shared.proto.Addressable.AddressableReferenceProto;
import orbit.shared.proto.AddressableManagementOuterClass.RenewAddressableLeaseResponseProto;
import orbit.shared.proto.Node.NodeInfoProto;
import orbit.shared.proto.Node.NodeLeaseProto;
import orbit.shared.proto.NodeManagementOuterClass.NodeLeaseResponseProto;

/** Three nodes: one stops renewing, one leaves in good order, and the third one takes over what they had. */
final class Lifecycle {
  private static final String NAMESPACE = "lifecycle";
  private static final long TICK_MS = 250;
  private static final long PATIENCE_MS = 60_000;

  private static final AddressableReferenceProto BOB = reference("Robot", "bob");
  private static final AddressableReferenceProto ORPHAN = reference("Robot", "orphan");

  private Lifecycle() {}

  static void run(ManagedChannel channel) throws Exception {
    Instant before = Instant.now();
    Node first = Node.join(channel, NAMESPACE, "Robot", "Human");
    Instant firstEnd = instant(first.info().getLease().getExpiresAt());
    tellJoined(first.info(), before);
    Node second = Node.join(channel, NAMESPACE, "Robot");
    Node lost = Node.join(channel, NAMESPACE, "Robot");

    ScheduledExecutorService ticker = Executors.newScheduledThreadPool(2);
    try {
      List<ScheduledFuture<?>> beats =
          List.of(
              ticker.scheduleAtFixedRate(first::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS),
              ticker.scheduleAtFixedRate(second::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS));
      contend(first, second);
      wrongTokens(first, second);
      expire(lost, second);
      while (Instant.now().isBefore(firstEnd)) Thread.sleep(TICK_MS);
      tell("outlived", "renewals", first.renewals(), "status", first.renew().getStatus());
      changeCapabilities(first);
      leave(first, second);
      for (ScheduledFuture<?> beat : beats) {
        if (beat.isDone()) beat.get();
      }
    } finally {
      ticker.shutdownNow();
    }
    // For the scenario "survivor".
    NodeLeaseResponseProto last = second.renew();
    tell("last", "status", last.getStatus(), "info", Base64.getEncoder().encodeToString(last.getInfo().toByteArray()));
  }

  /** Goes on with the life that is given on standard input, at a server that was started anew. */
  static void resume(ManagedChannel channel) throws Exception {
    NodeInfoProto info = NodeInfoProto.parseFrom(Base64.getDecoder().decode(System.in.readAllBytes()));
    Node node = Node.resume(channel, NAMESPACE, info);
    NodeLeaseResponseProto renewed = node.renew();
    tell(
        "renewed",
        "status", renewed.getStatus(),
        "sameKey", renewed.getInfo().getId().equals(info.getId()),
        "types", renewed.getInfo().getCapabilities().getAddressableTypesList());
    tell("wrong token", "status", node.renew("x".repeat(64)).getStatus());
    tellLease("still held", node.renewLease(BOB));
  }

  private static void tellJoined(NodeInfoProto info, Instant before) {
    NodeLeaseProto lease = info.getLease();
    Instant renewAt = instant(lease.getRenewAt());
    Instant expiresAt = instant(lease.getExpiresAt());
    tell(
        "joined",
        "key", info.getId().getKey(),
        "namespace", info.getId().getNamespace(),
        "token", lease.getChallengeToken().matches("[A-Za-z0-9]{64}"),
        "types", info.getCapabilities().getAddressableTypesList(),
        "status", info.getStatus(),
        "expiresAfterMs", Duration.between(before, expiresAt).toMillis(),
        "renewBeforeEndMs", Duration.between(renewAt, expiresAt).toMillis());
  }

  /** Both want one addressable; the first has asked first. */
  private static void contend(Node first, Node second) {
    Instant before = Instant.now();
    RenewAddressableLeaseResponseProto granted = first.renewLease(BOB);
    tellLease("granted", granted);
    tell(
        "granted for",
        "holder", granted.getLease().getNodeId().equals(first.info().getId()),
        "reference", granted.getLease().getReference().equals(BOB),
        "expiresAfterMs", Duration.between(before, instant(granted.getLease().getExpiresAt())).toMillis(),
        "renewAfterMs", Duration.between(before, instant(granted.getLease().getRenewAt())).toMillis());
    tellLease("refused", second.renewLease(BOB));
    tellLease("renewed", first.renewLease(BOB));
    tell("abandoned by another", "abandoned", second.abandonLease(BOB));
    tellLease("refused still", second.renewLease(BOB));
  }

  private static void wrongTokens(Node first, Node second) {
    List<String> tokens = List.of(second.info().getLease().getChallengeToken(), "", "x".repeat(64));
    for (int at = 0; at < tokens.size(); at += 1) {
      NodeLeaseResponseProto answer = first.renew(tokens.get(at));
      tell(
          "wrong token " + at,
          "status", answer.getStatus(),
          "hasInfo", answer.hasInfo(),
          "error", answer.getErrorDescription());
    }
    tell("right token", "status", first.renew().getStatus());
  }

  /** A node that stops renewing loses what it has, not before its time and to a higher fence. */
  private static void expire(Node lost, Node next) throws InterruptedException {
    RenewAddressableLeaseResponseProto had = lost.renewLease(ORPHAN);
    long start = System.nanoTime();
    if (lost.renew().getStatus() != NodeLeaseResponseProto.Status.OK) throw new IllegalStateException("ended early");
    RenewAddressableLeaseResponseProto answer;
    int refusals = 0;
    for (; ; refusals += 1) {
      answer = next.renewLease(ORPHAN);
      if (answer.getStatus() == RenewAddressableLeaseResponseProto.Status.OK) break;
      if (elapsedMs(start) > PATIENCE_MS) throw new IllegalStateException("the node did not expire");
      Thread.sleep(TICK_MS);
    }
    tell(
        "expired",
        "afterMs", elapsedMs(start),
        "refusals", refusals,
        "higher", answer.getLease().getFence() > had.getLease().getFence());
    NodeLeaseResponseProto late = lost.renew();
    tell("late renewal", "status", late.getStatus(), "error", late.getErrorDescription());
    tellLease("late addressable", lost.renewLease(ORPHAN));
    tell("late abandon", "abandoned", lost.abandonLease(ORPHAN));
  }

  private static void changeCapabilities(Node node) {
    node.host("Robot", "Ghost");
    tell("capabilities", "types", node.renew().getInfo().getCapabilities().getAddressableTypesList());
  }

  /** Drains: keeps what it has until it abandons it, and gets nothing new. */
  private static void leave(Node first, Node second) {
    NodeLeaseResponseProto left = first.leave();
    tell("left", "status", left.getStatus(), "node", left.getInfo().getStatus());
    // With the token of the answer, as the original's client goes on.
    NodeLeaseResponseProto renewed = first.renew();
    tell("renewed while draining", "status", renewed.getStatus(), "node", renewed.getInfo().getStatus());
    tellLease("kept while draining", first.renewLease(BOB));
    tellLease("nothing new while draining", first.renewLease(reference("Robot", "eve")));
    tellLease("refused while draining", second.renewLease(BOB));
    tell("abandoned", "abandoned", first.abandonLease(BOB));
    tell("abandoned again", "abandoned", first.abandonLease(BOB));
    tellLease("taken over", second.renewLease(BOB));
    tellLease("too late", first.renewLease(BOB));
  }

  private static void tellLease(String step, RenewAddressableLeaseResponseProto answer) {
    tell(
        step,
        "status", answer.getStatus(),
        "hasLease", answer.hasLease(),
        "fence", answer.getLease().getFence(),
        "error", answer.getErrorDescription());
  }

  private static long elapsedMs(long start) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
  }
}
