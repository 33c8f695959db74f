"""The headers that the `builtIn` switches of HeaderRewrites mean.

The lists are our own; they are part of the published reference, and a change to them changes traffic.
Headers of one connection and of framing (Connection, Upgrade, Host, Content-Length …) are the
engine's business and in no list. Sources: the IANA HTTP Field Name Registry, Fetch (forbidden and
safelisted headers), and the documentation of the products named.
"""

from __future__ import annotations

from microgateway_common.ir.header_rewrites import AddMode, HeaderAddition, HeaderGroup, NewHeader
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact, HeaderMatch, Prefix, StringMatch
from microgateway_common.ir.templates import Text

_STANDARD_REQUEST = """
    accept accept-charset accept-encoding accept-language access-control-request-headers
    access-control-request-method access-control-request-private-network authorization cache-control
    content-digest content-disposition content-encoding content-language content-location content-md5
    content-range content-type cookie date device-memory digest dnt downlink dpop early-data ect from
    grpc-accept-encoding grpc-encoding grpc-timeout grpc-message-type idempotency-key if-match
    if-modified-since if-none-match if-range if-unmodified-since last-event-id max-forwards origin
    pragma prefer priority purpose range referer repr-digest rtt save-data sec-ch-ua sec-ch-ua-arch
    sec-ch-ua-bitness sec-ch-ua-full-version-list sec-ch-ua-mobile sec-ch-ua-model sec-ch-ua-platform
    sec-ch-ua-platform-version sec-ch-prefers-color-scheme sec-ch-prefers-reduced-motion sec-fetch-dest
    sec-fetch-mode sec-fetch-site sec-fetch-user sec-gpc sec-purpose sec-websocket-extensions
    sec-websocket-key sec-websocket-protocol sec-websocket-version service-worker
    service-worker-navigation-preload soapaction upgrade-insecure-requests user-agent via
    viewport-width want-content-digest want-repr-digest warning x-api-key x-correlation-id x-csrf-token
    x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id x-requested-with
    x-xsrf-token
"""

_STANDARD_RESPONSE = """
    accept-ch accept-patch accept-post accept-ranges access-control-allow-credentials
    access-control-allow-headers access-control-allow-methods access-control-allow-origin
    access-control-allow-private-network access-control-expose-headers access-control-max-age age allow
    alt-svc authentication-info cache-control cache-status clear-site-data content-digest
    content-disposition content-encoding content-language content-location content-md5 content-range
    content-security-policy content-security-policy-report-only content-type cross-origin-embedder-policy
    cross-origin-embedder-policy-report-only cross-origin-opener-policy
    cross-origin-opener-policy-report-only cross-origin-resource-policy date deprecation digest
    document-policy etag expires feature-policy grpc-encoding grpc-message grpc-status
    grpc-status-details-bin last-modified link location nel no-vary-search origin-agent-cluster
    permissions-policy pragma preference-applied priority proxy-status referrer-policy refresh
    repr-digest reporting-endpoints report-to retry-after sec-websocket-accept sec-websocket-extensions
    sec-websocket-protocol sec-websocket-version server-timing service-worker-allowed set-cookie
    sourcemap strict-transport-security sunset timing-allow-origin vary via warning www-authenticate
    x-content-type-options x-correlation-id x-dns-prefetch-control x-frame-options
    x-permitted-cross-domain-policies x-request-id x-robots-tag x-ua-compatible x-xss-protection
"""

# W3C Trace Context and Baggage; B3 (openzipkin/b3-propagation).
_TRACING = """
    traceparent tracestate baggage b3 x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled x-b3-flags
"""

# What proxies and content delivery networks call the client's address, the scheme or the host besides
# X-Forwarded-For, -Host, -Port and -Proto. An application that believes one of them believes the client.
_ALTERNATIVE_FORWARDED = """
    ali-cdn-real-ip cf-connecting-ip cf-connecting-ipv6 cf-pseudo-ipv4 client-ip
    cloudfront-viewer-address fastly-client-ip fastly-ssl forwarded forwarded-for forwarded-host
    forwarded-proto front-end-https incap-client-ip proxy-client-ip real-ip remote-addr
    true-client-ip wl-proxy-client-ip x-appengine-user-ip x-arr-ssl x-azure-clientip
    x-azure-socketip x-client-ip x-cluster-client-ip x-coming-from x-envoy-external-address
    x-forwarded x-forwarded-by x-forwarded-client-ip x-forwarded-protocol x-forwarded-scheme
    x-forwarded-server x-forwarded-ssl x-host x-http-host-override x-original-forwarded-for
    x-original-host x-original-remote-addr x-original-url x-originating-ip x-proxyuser-ip
    x-real-ip x-remote-addr x-remote-ip x-rewrite-url x-url-scheme
"""

_SERVER = """
    server x-backend x-backend-server x-cluster-name x-host x-hostname x-pod x-pod-name x-server
    x-server-id x-server-name x-served-by x-upstream x-varnish x-via x-application-server
"""

_APPLICATION = """
    liferay-portal microsoftofficewebserver microsoftsharepointteamservices ms-author-via
    x-application-context x-aspnet-version x-aspnetmvc-version x-atg-version x-cakephp-version
    x-ch-powered-by x-cms x-craft-powered-by x-debug-token x-debug-token-link x-drupal-cache
    x-drupal-dynamic-cache x-dotnet-version x-framework x-generated-by x-generator x-jenkins
    x-jenkins-session x-joomla-version x-litespeed-cache x-magento-cache-debug x-magento-debug
    x-magento-tags x-mod-pagespeed x-nextjs-cache x-octopress x-owa-version x-page-speed x-php-version
    x-pingback x-powered-by x-powered-by-plesk x-powered-cms x-redirect-by x-runtime
    x-sourcefiles x-turbo-charged-by
"""

# `*` where the Fetch standard allows it, and the origin `null`, which any sandboxed frame has.
_PERMISSIVE_CORS = (
    ("access-control-allow-origin", "*"),
    ("access-control-allow-origin", "null"),
    ("access-control-allow-headers", "*"),
    ("access-control-allow-methods", "*"),
    ("access-control-expose-headers", "*"),
)

# Features that pages rarely want to hand to frames of other origins.
_FEATURES = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "sync-xhr",
    "usb",
    "xr-spatial-tracking",
)

_YEAR = 31_536_000


def _named(name: str) -> Exact:
    return Exact(name, ignore_case=True)


def _any_value_of(group: str, names: str) -> HeaderGroup:
    return HeaderGroup(
        f"builtIn.{group}",
        ALWAYS,
        tuple(HeaderMatch(_named(name), AnyString()) for name in sorted(names.split())),
    )


def _values_of(group: str, *headers: tuple[str, StringMatch]) -> HeaderGroup:
    return HeaderGroup(
        f"builtIn.{group}", ALWAYS, tuple(HeaderMatch(_named(name), value) for name, value in headers)
    )


def _addition(name: str, header: str, value: str) -> HeaderAddition:
    """All built-in additions keep what the application set."""
    new = NewHeader(header, (Text(value),))
    return HeaderAddition(f"builtIn.{name}", ALWAYS, AddMode.ADD_IF_ABSENT, (new,))


STANDARD_REQUEST_HEADERS = _any_value_of("standardHeaders", _STANDARD_REQUEST)
TRACING_HEADERS = _any_value_of("tracingHeaders", _TRACING)
ALTERNATIVE_FORWARDED_HEADERS = _any_value_of("alternativeForwardedHeaders", _ALTERNATIVE_FORWARDED)

STANDARD_RESPONSE_HEADERS = _any_value_of("standardHeaders", _STANDARD_RESPONSE)
SERVER_LEAKAGE = _any_value_of("informationLeakage.server", _SERVER)
APPLICATION_LEAKAGE = _any_value_of("informationLeakage.application", _APPLICATION)
PERMISSIVE_CORS = _values_of(
    "permissiveCors", *((name, Exact(value, ignore_case=False)) for name, value in _PERMISSIVE_CORS)
)

# Authentication schemes are compared without case (RFC 9110, section 11.1).
AUTH_BASIC = _values_of("auth.basic", ("www-authenticate", Prefix("Basic", ignore_case=True)))
AUTH_NEGOTIATE = _values_of("auth.negotiate", ("www-authenticate", Prefix("Negotiate", ignore_case=True)))
AUTH_NTLM = _values_of("auth.ntlm", ("www-authenticate", Prefix("NTLM", ignore_case=True)))

# RFC 6797; the preload list (hstspreload.org) asks for a year, subdomains and `preload`.
HSTS = _addition("hsts", "Strict-Transport-Security", f"max-age={_YEAR}")
HSTS_PRELOAD = _addition(
    "hstsPreload", "Strict-Transport-Security", f"max-age={_YEAR}; includeSubDomains; preload"
)
CSP = _addition("csp", "Content-Security-Policy", "default-src 'self'; img-src * data:")
FEATURE_POLICY = _addition(
    "featurePolicy", "Feature-Policy", "; ".join(f"{feature} 'self'" for feature in _FEATURES)
)
PERMISSIONS_POLICY = _addition(
    "permissionsPolicy", "Permissions-Policy", ", ".join(f"{feature}=(self)" for feature in _FEATURES)
)
REFERRER_POLICY = _addition("referrerPolicy", "Referrer-Policy", "same-origin")
X_CONTENT_TYPE_OPTIONS = _addition("xContentTypeOptions", "X-Content-Type-Options", "nosniff")
X_FRAME_OPTIONS = _addition("xFrameOptions", "X-Frame-Options", "SAMEORIGIN")
