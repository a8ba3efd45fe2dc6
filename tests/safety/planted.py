"""Secrets and personal data as they stand in logs, manifests and outputs: form -> text and secret.

Every one is made up; those with check digits have right ones, so that they could be real.
"""

import base64

WORD = "Zx9-hunter2.Qq"
RANDOM = "wJ4lrXUtnF3MI7K7MD9NGbPxRf1CYzEXAMPLEKEY"
BASIC = base64.b64encode(f"admin:{WORD}".encode()).decode()
PEM = "MIIEpAIBAAKCAQEA7b9Kq2"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.dGVzdHNpZ25hdHVyZQ"

BY_FORM: dict[str, tuple[str, str]] = {
    # what speaks for itself
    "aws access key": ("using AKIAIOSFODNN7EXAMPLE now", "AKIAIOSFODNN7EXAMPLE"),
    "aws session key": ("ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"),
    "aws secret key in prose": (f"credentials loaded: {RANDOM}", RANDOM),
    "google api key": ("key AIza" + "Sy" * 17 + "A ok", "AIza" + "Sy" * 17 + "A"),
    "google oauth": ("got ya29." + "a0Af" * 8, "ya29." + "a0Af" * 8),
    "github token": ("ghp_" + "a1B2" * 9, "ghp_" + "a1B2" * 9),
    "github fine token": ("github_pat_" + "1aB_" * 8, "github_pat_" + "1aB_" * 8),
    "gitlab token": ("glpat-abcdefghij0123456789", "glpat-abcdefghij0123456789"),
    "slack token": ("xoxb-123456789012-abcdef", "xoxb-123456789012-abcdef"),
    "slack webhook": (
        "POST https://hooks.slack.com/services/T0AB12CD/B0EF34GH/aB3dE5fG7hI9",
        "T0AB12CD/B0EF34GH/aB3dE5fG7hI9",
    ),
    "telegram bot": (
        "https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe",
        "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    ),
    "stripe key": ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    "stripe restricted": ("rk_live_4eC39HqLyjWDarjtT1zdp7dc", "rk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    "model api key": ("sk-proj-abcdefghijklmnopqrstuvwx", "sk-proj-abcdefghijklmnopqrstuvwx"),
    "hub token": ("hf_" + "aBcDeFgH" * 4, "hf_" + "aBcDeFgH" * 4),
    "vault token": ("hvs.CAESIJ1234567890abcdefgh", "hvs.CAESIJ1234567890abcdefgh"),
    "npm token": ("npm_" + "a1B2c3" * 6, "npm_" + "a1B2c3" * 6),
    "sendgrid key": ("SG." + "a1B2" * 5 + "." + "c3D4" * 8, "SG." + "a1B2" * 5),
    "age key": ("AGE-SECRET-KEY-1" + "QPZRY9X8" * 7, "QPZRY9X8QPZRY9X8"),
    "jwt": (f"claims {JWT} decoded", JWT),
    "pem key": (f"-----BEGIN RSA PRIVATE KEY-----\n{PEM}\n-----END RSA PRIVATE KEY-----", PEM),
    "pem key, cut off": (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{PEM}", PEM),
    "pem key in json": (
        f'"key": "-----BEGIN EC PRIVATE KEY-----\\n{PEM}\\n-----END EC PRIVATE KEY-----\\n"',
        PEM,
    ),
    "pgp key": (
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{PEM}\n-----END PGP PRIVATE KEY BLOCK-----",
        PEM,
    ),
    "bcrypt hash": ("$2b$12$" + "N9qo8uLOickgx2ZMRZoMye" * 2, "N9qo8uLOickgx2ZMRZoMye"),
    "shadow hash": ("root:$6$rounds=5000$saltsalt$" + "aB3/" * 20, "aB3/aB3/aB3/"),
    "random text": ("session q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ opened", "q83vEjRWeJCrze8SNFZ4"),
    # headers and addresses
    "bearer header": (f"Authorization: Bearer {WORD}", WORD),
    "basic header": (f"authorization: Basic {BASIC}", BASIC),
    "bearer in json": (f'"Authorization": "Bearer {WORD}"', WORD),
    "token header": (f"curl -H 'Authorization: token {WORD}'", WORD),
    "api key header": (f"x-api-key: {WORD}", WORD),
    "set-cookie": (f"Set-Cookie: session={WORD}; Path=/; HttpOnly", WORD),
    "second cookie": (f"> Cookie: lang=de; sid={WORD}", WORD),
    "url with password": (f"https://x:{WORD}@git/x", WORD),
    "mongo url": (f"mongodb://admin:{WORD}@mongodb-geo:27017/geo-db", WORD),
    "postgres url": (f"postgres://u:{WORD}@db/x?sslmode=off", WORD),
    "redis url without user": (f"redis://:{WORD}@redis:6379/0", WORD),
    "amqp url in an error": (f"dial amqp://guest:{WORD}@mq failed", WORD),
    "jdbc url": (f"jdbc:mysql://db/x?user=u&password={WORD}&ssl=true", WORD),
    "go dsn": (f"DSN=user:{WORD}@tcp(db)/x", WORD),
    "libpq dsn": (f"host=db user=u password={WORD} dbname=x", WORD),
    "azure connection": (f"AccountName=x;AccountKey={RANDOM}==;EndpointSuffix=y", RANDOM),
    "signed url": (f"GET /x?se=2026&sig={RANDOM}%3D", RANDOM),
    "token in a query": (f"GET /x?access_token={WORD}&y=1", WORD),
    # assignments and fields
    "env": (f"DB_PASSWORD={WORD}", WORD),
    "export": (f"export DB_PASSWORD='{WORD}'", WORD),
    "env, short name": (f"DB_PASS={WORD}", WORD),
    "env of aws": (f"AWS_SECRET_ACCESS_KEY={WORD}", WORD),
    "yaml field": (f"password: {WORD}", WORD),
    "yaml field, camel case": (f"clientSecret: {WORD}", WORD),
    "yaml env pair": (f"- name: MYSQL_ROOT_PASSWORD\n  value: {WORD}", WORD),
    "json env pair": (f'"name": "API_TOKEN",\n      "value": "{WORD}"', WORD),
    "json field": (f'{{"user":"a","password":"{WORD}"}}', WORD),
    "json in json": (f'{{\\"password\\":\\"{WORD}\\"}}', WORD),
    "python dict": (f"{{'password': '{WORD}'}}", WORD),
    "ini": (f"api_key = {WORD}", WORD),
    "describe": (f"      MONGO_INITDB_ROOT_PASSWORD:  {WORD}", WORD),
    "option with =": (f"mysql -u root --password={WORD}", WORD),
    "option with blank": (f"run --auth-token {WORD}", WORD),
    "sql": (f"CREATE USER u IDENTIFIED BY '{WORD}'", WORD),
    "sql of postgres": (f"ALTER ROLE u WITH PASSWORD '{WORD}'", WORD),
    "redis auth": (f"AUTH {WORD}", WORD),
    "redis conf": (f"requirepass {WORD}", WORD),
    "netrc": (f"machine git login u password {WORD}", WORD),
    "docker config": (f'{{"auths":{{"r.io":{{"auth":"{BASIC}"}}}}}}', BASIC),
    "hex by name": ("encryption_key=9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2f"),
    "passphrase": (f"passphrase: {WORD}", WORD),
    "error with a value": (f"error: login with password={WORD} failed", WORD),
    # personal data
    "e-mail": ("user anna.otto+x@example.co.uk not found", "anna.otto"),
    "e-mail in a query": ("GET /u?mail=anna@example.org 404", "anna@example.org"),
    "iban": ("to DE89370400440532013000 failed", "DE89370400440532013000"),
    "iban in groups": ("IBAN GB82 WEST 1234 5698 7654 32 refused", "WEST 1234 5698"),
    "visa": ("card 4111111111111111 declined", "4111111111111111"),
    "visa in groups": ("card 4111 1111 1111 1111 declined", "1111 1111"),
    "mastercard with dashes": ("5555-5555-5555-4444", "5555-5555-5555-4444"),
    "amex": ('"pan":"378282246310005"', "378282246310005"),
    "phone": ("call +49 151 12345678 now", "12345678"),
    "phone, compact": ("sms to +4915112345678 failed", "4915112345678"),
    "phone of the us": ("tel (415) 555-2671", "555-2671"),
    "phone as a url": ("tel:+1-415-555-2671", "555-2671"),
    "national id": ("ssn 078-05-1120 of the customer", "078-05-1120"),
}

BENIGN = (
    "geo-6b4b7c9d5f-x2x7q   1/1   Running   0   5m",
    "Image ID: docker.io/library/mongo@sha256:" + "0123456789abcdef" * 4,
    "uid: 6f3c2f0e-6a51-5d0b-9d5e-2f6d3b1c8a47",
    "1764321600123456789 ns since the epoch, 4111111111111112 bytes",
    "ts=1764321600123456 seq=4532015112830367",
    "2026-11-23T12:00:00.123456789+02:00 offset +0200",
    'rpc_duration_seconds_bucket{le="0.25"} 5105105105105105',
    "W0813 16:36:38.953000       1 server.go:88] cache miss ratio 40%",
    "FeatureGates: StatefulSetAutoDeletePVC2 CSIVolumeHealthV1Beta3 ServerSideApplyV2Alpha1",
    "/usr/local/lib/python3.11/site-packages/OpenTelemetry/Exporter/Otlp2/Proto3/Http.py",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 parent 00f067aa0ba902b7",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "node ip-10-0-1-17.eu-west-1.compute.internal 10.244.0.7:8083",
    "Bearer token is missing",
    "password authentication failed for user geo",
    "basic health check of token service: ok",
    "10-250-0001 250-250-250",
    "DE00 3704 0044 0532 0130 00 has wrong check digits",
    "replicas: +3 -> 12, +12% in 300s",
)
"""Beside what the lab says: look-alikes that must stay."""
