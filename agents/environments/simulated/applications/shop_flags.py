"""Feature flags of the Astronomy Shop: the file that flagd serves, and what each one does.

Invariant: `FLAGD` is the demo's own file with every flag off. An `amount` is what the flag's
largest variant does. Sizes are ours: large enough that users notice, where the original is milder.
"""

import orjson

from agents.environments.simulated.applications.graph import Effect, Flag

_SWITCH: dict[str, bool | float] = {"on": True, "off": False}
_LISTED: tuple[tuple[str, str, dict[str, bool | float]], ...] = (
    ("productCatalogFailure", "Fail product catalog service on a specific product", _SWITCH),
    ("recommendationCacheFailure", "Fail recommendation service cache", _SWITCH),
    ("adManualGc", "Triggers full manual garbage collections in the ad service", _SWITCH),
    ("adHighCpu", "Triggers high cpu load in the ad service", _SWITCH),
    ("adFailure", "Fail ad service", _SWITCH),
    (
        "kafkaQueueProblems",
        (
            "Overloads Kafka queue while simultaneously introducing a consumer side delay "
            "leading to a lag spike"
        ),
        {"on": 100, "off": 0},
    ),
    ("cartFailure", "Fail cart service", _SWITCH),
    (
        "paymentFailure",
        "Fail payment service charge requests n%",
        {"100%": 1, "90%": 0.95, "75%": 0.75, "50%": 0.5, "25%": 0.25, "10%": 0.1, "off": 0},
    ),
    ("paymentUnreachable", "Payment service is unavailable", _SWITCH),
    (
        "loadGeneratorFloodHomepage",
        "Flood the frontend with a large amount of requests.",
        {"on": 100, "off": 0},
    ),
    (
        "imageSlowLoad",
        "slow loading images in the frontend",
        {"10sec": 10000, "5sec": 5000, "off": 0},
    ),
)
FLAGD = orjson.dumps(
    {
        "$schema": "https://flagd.dev/schema/v0/flags.json",
        "flags": {
            name: {
                "description": description,
                "state": "ENABLED",
                "variants": variants,
                "defaultVariant": "off",
            }
            for name, description, variants in _LISTED
        },
    },
    option=orjson.OPT_INDENT_2,
).decode()

_BEHIND = (
    "consumer poll timeout has expired. This means the time between subsequent calls to poll() "
    "was longer than the configured max.poll.interval.ms"
)
FLAGS: dict[str, tuple[Flag, ...]] = {
    "ad": (
        Flag(
            name="adFailure",
            effect=Effect.ERRORS,
            amount=0.5,
            complaint="GetAds Failed with status Status{code=UNAVAILABLE, description=null, "
            "cause=null}",
        ),
        Flag(name="adHighCpu", effect=Effect.BURN, amount=1000.0),
        Flag(
            name="adManualGc",
            effect=Effect.PAUSES,
            amount=5000.0,
            complaint="Detected JVM pause: Pause Full (System.gc()) 214M->41M(268M) 5012.338ms",
        ),
    ),
    "cart": (
        Flag(
            name="cartFailure",
            effect=Effect.ERRORS,
            amount=0.5,
            complaint='Error when executing service method. Status(StatusCode="FailedPrecondition"'
            ", Detail=\"Can't access cart storage. System.ApplicationException: Wasn't able to "
            'connect to redis")',
        ),
    ),
    "checkout": (
        Flag(name="paymentUnreachable", effect=Effect.UNREACHABLE, target="payment"),
        Flag(
            name="kafkaQueueProblems",
            effect=Effect.LAG,
            amount=100.0,
            complaint="message to topic orders took long to be acknowledged, input buffer is full",
        ),
    ),
    "fraud-detection": (
        Flag(name="kafkaQueueProblems", effect=Effect.LAG, amount=100.0, complaint=_BEHIND),
    ),
    "accounting": (
        Flag(
            name="kafkaQueueProblems",
            effect=Effect.LAG,
            amount=100.0,
            complaint="Application maximum poll interval (300000ms) exceeded: leaving group",
        ),
    ),
    "kafka": (
        Flag(
            name="kafkaQueueProblems",
            effect=Effect.LAG,
            amount=100.0,
            complaint="[GroupCoordinator 1]: Member rdkafka in group accounting has failed, "
            "removing it from the group; log end offset of orders-0 runs ahead of the committed "
            "offset",
        ),
    ),
    "frontend": (
        Flag(
            name="imageSlowLoad",
            effect=Effect.DELAY,
            amount=600.0,
            complaint="slow resource: GET /images/products/NationalParkFoundation.jpg 200 in "
            "10013 ms",
        ),
    ),
    "load-generator": (Flag(name="loadGeneratorFloodHomepage", effect=Effect.FLOOD, amount=6.0),),
    "payment": (
        Flag(
            name="paymentFailure",
            effect=Effect.ERRORS,
            complaint="Payment request failed. Invalid token. app.loyalty.level=gold",
        ),
    ),
    "product-catalog": (
        Flag(
            name="productCatalogFailure",
            effect=Effect.ERRORS,
            amount=0.25,
            complaint="GetProduct rejected: product OLJCESPC7Z could not be served",
        ),
    ),
    "recommendation": (
        Flag(
            name="recommendationCacheFailure",
            effect=Effect.LEAK,
            amount=25.0,
            complaint="get_product_list: cache miss, cached ids have grown again",
        ),
    ),
}
