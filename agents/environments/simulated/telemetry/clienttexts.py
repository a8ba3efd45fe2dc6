"""What real programs' client libraries say of an obstacle: gRPC, Thrift, HTTP, stores."""

from agents.environments.simulated.applications.graph import Protocol
from agents.environments.simulated.network import Obstacle

GO_GRPC = {
    Obstacle.NO_HOST: "rpc error: code = Unavailable desc = name resolver error: produced zero "
    "addresses: dns: lookup {host} on 10.96.0.10:53: no such host",
    Obstacle.REFUSED: 'rpc error: code = Unavailable desc = connection error: desc = "transport: '
    'Error while dialing: dial tcp {ip}:{port}: connect: connection refused"',
    Obstacle.TIMEOUT: "rpc error: code = DeadlineExceeded desc = context deadline exceeded while "
    "waiting for {ip}:{port}",
    Obstacle.TLS: 'rpc error: code = Unavailable desc = connection error: desc = "error reading '
    'server preface: EOF"',
    Obstacle.ACCOUNT: "rpc error: code = Unauthenticated desc = user {user} was not accepted",
    Obstacle.ROLE: "rpc error: code = PermissionDenied desc = user {user} may not use {database}",
    Obstacle.FOREIGN: "rpc error: code = Unimplemented desc = unknown service {callee}",
}
MGO = {
    Obstacle.NO_HOST: "no reachable servers: lookup {host} on 10.96.0.10:53: no such host",
    Obstacle.REFUSED: "no reachable servers: dial tcp {ip}:{port}: connect: connection refused",
    Obstacle.TIMEOUT: "no reachable servers: dial tcp {ip}:{port}: i/o timeout",
    Obstacle.TLS: "no reachable servers: EOF from {ip}:{port}",
    Obstacle.ACCOUNT: "server returned error on SASL authentication step: Authentication failed.",
    Obstacle.ROLE: "not authorized on {database} to execute command {{ find: "
    '"{collection}", filter: {{}}, skip: 0, $db: "{database}" }}',
    Obstacle.FOREIGN: "unexpected reply from {host}:{port}",
}
MEMCACHE = {
    Obstacle.NO_HOST: "memcache: dial tcp: lookup {host} on 10.96.0.10:53: no such host",
    Obstacle.REFUSED: "memcache: dial tcp {ip}:{port}: connect: connection refused",
    Obstacle.TIMEOUT: "memcache: connect timeout to {ip}:{port}",
    Obstacle.FOREIGN: "memcache: unexpected response line from {host}:{port}",
}
THRIFT = {
    Obstacle.NO_HOST: "TSocket::open() getaddrinfo() <Host: {host} Port: {port}>: Name or service "
    "not known",
    Obstacle.REFUSED: "TSocket::open() connect() <Host: {host} Port: {port}>: Connection refused",
    Obstacle.TIMEOUT: "TSocket::open() timed out <Host: {host} Port: {port}>",
    Obstacle.TLS: "No more data to read from {host}:{port}",
    Obstacle.ACCOUNT: "{host}:{port} did not accept {user}",
    Obstacle.ROLE: "{host}:{port} did not let {user} use {database}",
    Obstacle.FOREIGN: "Invalid method name from {host}:{port}",
}
LIBMONGOC = {
    Obstacle.NO_HOST: "No suitable servers found (`serverSelectionTryOnce` set): [Failed to "
    "resolve '{host}']",
    Obstacle.REFUSED: "No suitable servers found (`serverSelectionTryOnce` set): [connection "
    "refused calling ismaster on '{host}:{port}']",
    Obstacle.TIMEOUT: "No suitable servers found: `serverSelectionTimeoutMS` expired: [socket "
    "timeout calling ismaster on '{host}:{port}']",
    Obstacle.TLS: "No suitable servers found (`serverSelectionTryOnce` set): [connection closed "
    "calling ismaster on '{host}:{port}']",
    Obstacle.ACCOUNT: "Authentication failed.",
    Obstacle.ROLE: "not authorized on {database} to execute command",
    Obstacle.FOREIGN: "Invalid reply from server '{host}:{port}'",
}
REDIS_PLUS_PLUS = {
    Obstacle.NO_HOST: "Failed to connect to Redis: Name or service not known: {host}:{port}",
    Obstacle.REFUSED: "Failed to connect to Redis: Connection refused: {host}:{port}",
    Obstacle.TIMEOUT: "Failed to connect to Redis: Resource temporarily unavailable: {host}:{port}",
    Obstacle.TLS: "Failed to connect to Redis: Server closed the connection: {host}:{port}",
    Obstacle.FOREIGN: "Protocol error, got an unexpected reply from {host}:{port}",
}
LIBMEMCACHED = {
    Obstacle.NO_HOST: "getaddrinfo() failure: Name or service not known, host: {host}:{port}",
    Obstacle.REFUSED: "SERVER HAS FAILED AND IS DISABLED UNTIL TIMED RETRY, host: {host}:{port}",
    Obstacle.TIMEOUT: "A TIMEOUT OCCURRED, host: {host}:{port}",
    Obstacle.FOREIGN: "PROTOCOL ERROR, host: {host}:{port}",
}
NODE_GRPC = {
    Obstacle.NO_HOST: "14 UNAVAILABLE: Name resolution failed for target dns:{host}:{port}",
    Obstacle.REFUSED: "14 UNAVAILABLE: No connection established. Last error: connect "
    "ECONNREFUSED {ip}:{port} ({callee})",
    Obstacle.TIMEOUT: "4 DEADLINE_EXCEEDED: Deadline exceeded after 1.000s, "
    "remote_addr={ip}:{port} ({callee})",
    Obstacle.TLS: "14 UNAVAILABLE: Connection dropped by {ip}:{port} ({callee})",
    Obstacle.ACCOUNT: "16 UNAUTHENTICATED: {user} at {callee}",
    Obstacle.ROLE: "7 PERMISSION_DENIED: {user} at {callee}",
    Obstacle.FOREIGN: "12 UNIMPLEMENTED: The server at {host}:{port} does not implement the method",
}
PYTHON_GRPC = {
    Obstacle.NO_HOST: "StatusCode.UNAVAILABLE: DNS resolution failed for {host}:{port}: C-ares "
    "status is not ARES_SUCCESS: Domain name not found",
    Obstacle.REFUSED: "StatusCode.UNAVAILABLE: failed to connect to all addresses; last error: "
    "UNKNOWN: ipv4:{ip}:{port}: Failed to connect to remote host: Connection refused",
    Obstacle.TIMEOUT: "StatusCode.DEADLINE_EXCEEDED: Deadline Exceeded: {host}:{port}",
    Obstacle.TLS: "StatusCode.UNAVAILABLE: Socket closed by {host}:{port}",
    Obstacle.ACCOUNT: "StatusCode.UNAUTHENTICATED: {user}",
    Obstacle.ROLE: "StatusCode.PERMISSION_DENIED: {user}",
    Obstacle.FOREIGN: "StatusCode.UNIMPLEMENTED: Method not found! ({host}:{port})",
}
JAVA = {
    Obstacle.NO_HOST: "java.net.UnknownHostException: {host}",
    Obstacle.REFUSED: "java.net.ConnectException: Connection refused: {host}/{ip}:{port}",
    Obstacle.TIMEOUT: "java.net.SocketTimeoutException: Connect timed out: {host}:{port}",
    Obstacle.TLS: "javax.net.ssl.SSLException: {host}:{port} requires TLS",
    Obstacle.ACCOUNT: "SaslAuthenticationException: {user} was rejected by {host}:{port}",
    Obstacle.ROLE: "AuthorizationException: {user} at {host}:{port}",
    Obstacle.FOREIGN: "io.grpc.StatusRuntimeException: UNIMPLEMENTED ({host}:{port})",
}
DOTNET = {
    Obstacle.NO_HOST: "System.Net.Sockets.SocketException (00000001, 11): Name or service not "
    "known ({host}:{port})",
    Obstacle.REFUSED: "System.Net.Sockets.SocketException (111): Connection refused "
    "[::ffff:{ip}]:{port} ({host})",
    Obstacle.TIMEOUT: "System.TimeoutException: The operation has timed out ({host}:{port})",
    Obstacle.TLS: "System.IO.IOException: Received an unexpected EOF from {host}:{port}",
    Obstacle.ACCOUNT: "NOAUTH Authentication required for {user} at {host}:{port}",
    Obstacle.ROLE: "NOPERM {user} has no permissions at {host}:{port}",
    Obstacle.FOREIGN: 'Status(StatusCode="Unimplemented", Detail="{host}:{port}")',
}
STACK_EXCHANGE = {
    obstacle: "StackExchange.Redis.RedisConnectionException: It was not possible to connect to the "
    f"redis server(s). {why} on {{host}}:{{port}}/Interactive"
    for obstacle, why in (
        (Obstacle.NO_HOST, "UnableToResolvePhysicalConnection"),
        (Obstacle.REFUSED, "UnableToConnect: ConnectionRefused"),
        (Obstacle.TIMEOUT, "UnableToConnect: timed out"),
        (Obstacle.TLS, "SocketClosed"),
        (Obstacle.FOREIGN, "ProtocolFailure"),
    )
}
RDKAFKA = {
    Obstacle.NO_HOST: "{host}:{port}/bootstrap: Failed to resolve '{host}:{port}': Name or service "
    "not known",
    Obstacle.REFUSED: "{host}:{port}/bootstrap: Connect to ipv4#{ip}:{port} failed: Connection "
    "refused",
    Obstacle.TIMEOUT: "{host}:{port}/bootstrap: Connection setup timed out in state CONNECT",
    Obstacle.TLS: "{host}:{port}/bootstrap: Disconnected while requesting ApiVersion",
    Obstacle.FOREIGN: "{host}:{port}/bootstrap: Broker not available: unknown api version",
}
RUST = {
    Obstacle.NO_HOST: "Failed to connect to host: failed to lookup address information: Name or "
    "service not known ({host}:{port})",
    Obstacle.REFUSED: "Failed to connect to host: Connection refused (os error 111) "
    "({host}:{port})",
    Obstacle.TIMEOUT: "Timeout while waiting for response from {host}:{port}",
    Obstacle.TLS: "Response parse error: connection closed by {host}:{port}",
    Obstacle.ACCOUNT: "401 Unauthorized from {host}:{port} for {user}",
    Obstacle.ROLE: "403 Forbidden from {host}:{port} for {user}",
    Obstacle.FOREIGN: "404 Not Found from {host}:{port}",
}
ENVOY = {
    Obstacle.NO_HOST: '503 UH no_healthy_upstream - "-" 0 19 0 - "-" "{host}:{port}" {callee}',
    Obstacle.REFUSED: "503 UF upstream_reset_before_response_started{{remote_connection_failure|"
    'delayed_connect_error:_Connection_refused}} - "-" 0 152 1 - "-" "{ip}:{port}" {callee}',
    Obstacle.TIMEOUT: '504 UT response_timeout - "-" 0 24 1000 - "-" "{ip}:{port}" {callee}',
    Obstacle.TLS: '503 UC upstream_reset_before_response_started - "-" 0 95 2 - "-" '
    '"{ip}:{port}" {callee}',
    Obstacle.ACCOUNT: '401 - via_upstream - "-" 0 12 2 2 "-" "{ip}:{port}" {callee}',
    Obstacle.ROLE: '403 - via_upstream - "-" 0 9 2 2 "-" "{ip}:{port}" {callee}',
    Obstacle.FOREIGN: '404 - via_upstream - "-" 0 9 2 2 "-" "{ip}:{port}" {callee}',
}
HTTP_CLIENT = {
    Obstacle.NO_HOST: "could not resolve {host}: Name or service not known",
    Obstacle.REFUSED: "connect to {host}:{port} ({ip}) failed: Connection refused",
    Obstacle.TIMEOUT: "{host}:{port} timed out",
    Obstacle.TLS: "{host}:{port} closed the connection, it expects TLS",
    Obstacle.ACCOUNT: "{host}:{port} answered 401 for {user}",
    Obstacle.ROLE: "{host}:{port} answered 403 for {user}",
    Obstacle.FOREIGN: "{host}:{port} answered 404",
}
GO_STORES = {Protocol.MONGO: MGO, Protocol.MEMCACHED: MEMCACHE}
CPP_STORES = {
    Protocol.MONGO: LIBMONGOC,
    Protocol.REDIS: REDIS_PLUS_PLUS,
    Protocol.MEMCACHED: LIBMEMCACHED,
}
DOTNET_STORES = {Protocol.REDIS: STACK_EXCHANGE, Protocol.KAFKA: RDKAFKA}
