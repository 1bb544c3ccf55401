package orbit.integration;

import static orbit.integration.Main.tell;

import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.protobuf.ProtoUtils;
import java.util.Map;
import java.util.TreeMap;
import orbit.shared.proto.AddressableManagementGrpc;
import orbit.shared.proto.AddressableManagementOuterClass.AbandonAddressableLeaseRequestProto;
import orbit.shared.proto.AddressableManagementOuterClass.RenewAddressableLeaseRequestProto;
import orbit.shared.proto.NodeManagementGrpc;
import orbit.shared.proto.NodeManagementOuterClass.JoinClusterRequestProto;
import orbit.shared.proto.NodeManagementOuterClass.LeaveClusterRequestProto;
import orbit.shared.proto.NodeManagementOuterClass.NodeLeaseResponseProto;
import orbit.shared.proto.NodeManagementOuterClass.RenewNodeLeaseRequestProto;

/** Callers that do not say who they are, or are not known, and calls that are not there. */
final class Strangers {
  private Strangers() {}

  static void run(ManagedChannel channel) {
    HealthCheckRequest everything = HealthCheckRequest.getDefaultInstance();
    tell("health", "status", HealthGrpc.newBlockingStub(channel).check(everything).getStatus());
    tellCalls("nothing", channel, null, null);
    tellCalls("no namespace", channel, null, "0000000000000000");
    tellCalls("no key", channel, "strangers", null);
    tellCalls("the servers' own namespace", channel, "management", "0000000000000000");
    NodeManagementGrpc.NodeManagementBlockingStub unknown =
        MetadataUtils.attachHeaders(
            NodeManagementGrpc.newBlockingStub(channel), Node.metadata("strangers", "0000000000000000"));
    NodeLeaseResponseProto answer = unknown.renewLease(RenewNodeLeaseRequestProto.getDefaultInstance());
    tell("unknown node", "status", answer.getStatus(), "error", answer.getErrorDescription());
    tell("message stream", "status", verdict(() -> openStream(channel)));
  }

  private static void tellCalls(String step, ManagedChannel channel, String namespace, String key) {
    NodeManagementGrpc.NodeManagementBlockingStub nodes =
        MetadataUtils.attachHeaders(NodeManagementGrpc.newBlockingStub(channel), Node.metadata(namespace, key));
    AddressableManagementGrpc.AddressableManagementBlockingStub addressables =
        MetadataUtils.attachHeaders(AddressableManagementGrpc.newBlockingStub(channel), Node.metadata(namespace, key));
    Map<String, Runnable> calls =
        Map.of(
            "join", () -> nodes.joinCluster(JoinClusterRequestProto.getDefaultInstance()),
            "renew", () -> nodes.renewLease(RenewNodeLeaseRequestProto.getDefaultInstance()),
            "leave", () -> nodes.leaveCluster(LeaveClusterRequestProto.getDefaultInstance()),
            "renew addressable",
                () -> addressables.renewLease(RenewAddressableLeaseRequestProto.getDefaultInstance()),
            "abandon", () -> addressables.abandonLease(AbandonAddressableLeaseRequestProto.getDefaultInstance()));
    Map<String, String> verdicts = new TreeMap<>();
    calls.forEach((name, call) -> verdicts.put(name, verdict(call)));
    tell(step, "verdicts", verdicts);
  }

  private static String verdict(Runnable call) {
    try {
      call.run();
      return "OK";
    } catch (StatusRuntimeException error) {
      return error.getStatus().getCode() + ": " + error.getStatus().getDescription();
    }
  }

  /** Calls what is not built yet; its messages do not matter. */
  private static void openStream(ManagedChannel channel) {
    MethodDescriptor<LeaveClusterRequestProto, LeaveClusterRequestProto> method =
        MethodDescriptor.<LeaveClusterRequestProto, LeaveClusterRequestProto>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName("orbit.shared.Connection/OpenStream")
            .setRequestMarshaller(ProtoUtils.marshaller(LeaveClusterRequestProto.getDefaultInstance()))
            .setResponseMarshaller(ProtoUtils.marshaller(LeaveClusterRequestProto.getDefaultInstance()))
            .build();
    ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, LeaveClusterRequestProto.getDefaultInstance());
  }
}
