package orbit.integration;

import static io.grpc.Metadata.ASCII_STRING_MARSHALLER;

import com.google.protobuf.Timestamp;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import orbit.shared.proto.Addressable.AddressableKeyProto;
import orbit.shared.proto.Addressable.AddressableReferenceProto;
import orbit.shared.proto.AddressableManagementGrpc;
import orbit.shared.proto.AddressableManagementOuterClass.AbandonAddressableLeaseRequestProto;
import orbit.shared.proto.AddressableManagementOuterClass.RenewAddressableLeaseRequestProto;
import orbit.shared.proto.AddressableManagementOuterClass.RenewAddressableLeaseResponseProto;
import orbit.shared.proto.Node.CapabilitiesProto;
import orbit.shared.proto.Node.NodeInfoProto;
import orbit.shared.proto.NodeManagementGrpc;
import orbit.shared.proto.NodeManagementOuterClass.JoinClusterRequestProto;
import orbit.shared.proto.NodeManagementOuterClass.LeaveClusterRequestProto;
import orbit.shared.proto.NodeManagementOuterClass.NodeLeaseResponseProto;
import orbit.shared.proto.NodeManagementOuterClass.RenewNodeLeaseRequestProto;

/** A node as the original's client keeps it: the last answer about itself, renewed with the token that stands in it. */
final class Node {
  private static final Metadata.Key<String> NAMESPACE = Metadata.Key.of("namespace", ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> NODE_KEY = Metadata.Key.of("nodeKey", ASCII_STRING_MARSHALLER);

  private final Channel channel;
  private final String namespace;
  private NodeInfoProto info;
  private List<String> types;
  private int renewals;

  private Node(Channel channel, String namespace, List<String> types) {
    this.channel = channel;
    this.namespace = namespace;
    this.types = types;
  }

  /** Joins as the original does: waits for the server, for at most 30 seconds. */
  static Node join(Channel channel, String namespace, String... types) {
    Node node = new Node(channel, namespace, List.of(types));
    NodeLeaseResponseProto answer =
        node.nodes(null)
            .withWaitForReady()
            .withDeadlineAfter(30, TimeUnit.SECONDS)
            .joinCluster(JoinClusterRequestProto.newBuilder().setCapabilities(node.capabilities()).build());
    node.adopt(answer);
    return node;
  }

  /** Takes up the life of a node that another process had joined. */
  static Node resume(Channel channel, String namespace, NodeInfoProto info) {
    Node node = new Node(channel, namespace, info.getCapabilities().getAddressableTypesList());
    node.info = info;
    return node;
  }

  synchronized NodeInfoProto info() {
    return info;
  }

  synchronized String key() {
    return info.getId().getKey();
  }

  synchronized int renewals() {
    return renewals;
  }

  /** What the next renewal says that this node can host. */
  synchronized void host(String... types) {
    this.types = List.of(types);
  }

  /** Renews when it is time to. */
  synchronized void tick() {
    if (Instant.now().isBefore(instant(info.getLease().getRenewAt()))) return;
    adopt(renew());
    renewals += 1;
  }

  synchronized NodeLeaseResponseProto renew() {
    return renew(info.getLease().getChallengeToken());
  }

  synchronized NodeLeaseResponseProto renew(String token) {
    return nodes(key())
        .renewLease(
            RenewNodeLeaseRequestProto.newBuilder().setChallengeToken(token).setCapabilities(capabilities()).build());
  }

  synchronized NodeLeaseResponseProto leave() {
    NodeLeaseResponseProto answer = nodes(key()).leaveCluster(LeaveClusterRequestProto.getDefaultInstance());
    adopt(answer);
    return answer;
  }

  RenewAddressableLeaseResponseProto renewLease(AddressableReferenceProto reference) {
    return addressables(key()).renewLease(RenewAddressableLeaseRequestProto.newBuilder().setReference(reference).build());
  }

  boolean abandonLease(AddressableReferenceProto reference) {
    return addressables(key())
        .abandonLease(AbandonAddressableLeaseRequestProto.newBuilder().setReference(reference).build())
        .getAbandoned();
  }

  static AddressableReferenceProto reference(String type, String key) {
    AddressableKeyProto.Builder named = AddressableKeyProto.newBuilder().setStringKey(key);
    return AddressableReferenceProto.newBuilder().setType(type).setKey(named).build();
  }

  static Instant instant(Timestamp timestamp) {
    return Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
  }

  static Metadata metadata(String namespace, String key) {
    Metadata metadata = new Metadata();
    if (namespace != null) metadata.put(NAMESPACE, namespace);
    if (key != null) metadata.put(NODE_KEY, key);
    return metadata;
  }

  private synchronized void adopt(NodeLeaseResponseProto answer) {
    if (answer.getStatus() != NodeLeaseResponseProto.Status.OK) {
      throw new IllegalStateException("refused: " + answer.getErrorDescription());
    }
    info = answer.getInfo();
  }

  private CapabilitiesProto capabilities() {
    return CapabilitiesProto.newBuilder().addAllAddressableTypes(types).build();
  }

  private NodeManagementGrpc.NodeManagementBlockingStub nodes(String key) {
    return MetadataUtils.attachHeaders(NodeManagementGrpc.newBlockingStub(channel), metadata(namespace, key))
        .withDeadlineAfter(10, TimeUnit.SECONDS);
  }

  private AddressableManagementGrpc.AddressableManagementBlockingStub addressables(String key) {
    return MetadataUtils.attachHeaders(AddressableManagementGrpc.newBlockingStub(channel), metadata(namespace, key))
        .withDeadlineAfter(10, TimeUnit.SECONDS);
  }
}
