"""The intermediate representation: a gateway's resources, resolved, defaulted and flattened.

GatewayConfig      one SidecarGateway: its applications, and the content policies their routes share
Application        one port of the pod: downstream and upstream settings, routes, telemetry
Route              a path prefix and what happens to requests below it
ContentSecurity    parser, limits, deny rules and header rewrites as one policy
ServerTls, ClientTls    TLS on either side; the secrets themselves are in GatewayConfig.secrets
StringMatch, RequestConditions    how rules pick strings and requests
Origin             which resource a part came from, for logs and explanations

Every type is frozen, every choice a closed union, every default already applied. Nothing knows
Kubernetes except Origin. Adding a feature adds a file here and one in the compiler.
"""
