"""Secrets that their form alone gives away: keys, tokens, headers, credentials in addresses.

Invariant: repetitions are bounded, and a pattern runs only where its literal text stands, so that
time is linear in the text.
"""

import re

# what | literal text without which the pattern cannot match | pattern; group `keep` stays
FORMS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        "private key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
            r"(?:(?!-----END)[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
            r"|-----BEGIN PGP PRIVATE KEY BLOCK-----"
            r"(?:(?!-----END)[\s\S]){0,20000}(?:-----END PGP PRIVATE KEY BLOCK-----)?"
        ),
    ),
    (
        # the same in base64; what certificates and public keys begin with is spared
        "private key",
        ("LS0tLS1CRUdJTi",),
        re.compile(r"LS0tLS1CRUdJTi(?!BDRVJU|BQVUJM)[A-Za-z0-9+/]{20,65536}={0,2}"),
    ),
    (
        "token",
        ("eyJ",),
        re.compile(
            r"(?<![^\W_])eyJ[\w-]{6,8192}\.[\w-]{6,8192}"
            r"(?:\.[\w-]{0,8192})?"
        ),
    ),
    (
        "cloud key",
        (
            "AKIA",
            "ASIA",
            "AIza",
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            "glpat-",
            "xox",
            "sk-",
            "sk_",
            "hvs.",
            "npm_",
            "pypi-",
            "SG.",
            "ya29.",
            *("rk_live_", "rk_test_"),
            "whsec_",
            "hf_",
            "dop_v1_",
            *("shpat_", "shpca_", "shppa_", "shpss_"),
            "AGE-SECRET",
            *("glrt-", "gldt-", "glsa_", "dckr_pat_", "GOCSPX-", "dapi", "NRAK-", "tskey-"),
            *("doo_v1_", "dor_v1_", "1//0", "xapp-", "ATATT3x", "8Q~", "SK"),
        ),
        re.compile(
            r"(?<![^\W_])(?:(?:(?:AKIA|ASIA)[A-Z0-9]{16})++(?![^\W_])"
            r"|AIza[\w-]{35}|gh[pousr]_\w{36,255}"
            r"|github_pat_\w{22,255}|gl(?:pat|rt|dt)-[\w-]{20,64}|xox[abeoprs]-[\w-]{10,255}"
            r"|sk-[A-Za-z0-9_-]{20,255}|sk_live_\w{16,255}|hvs\.[\w-]{20,255}"
            r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,255}|SG\.[\w-]{16,64}\.[\w-]{16,64}"
            r"|ya29\.[\w-]{20,255}|(?:rk|sk)_(?:live|test)_\w{16,255}|whsec_[\w+/=]{16,255}"
            r"|hf_\w{30,255}|do[opr]_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
            r"|AGE-SECRET-KEY-1[A-Z0-9]{40,80}|glsa_\w{20,255}|dckr_pat_[\w-]{20,255}"
            r"|GOCSPX-[\w-]{20,64}|(?:dapi[0-9a-f]{32})++(?![^\W_])"
            r"|NRAK-[A-Z0-9]{20,64}|tskey-[\w-]{16,255}"
            r"|1//0[\w-]{20,255}|xapp-[\w-]{20,255}|ATATT3x[\w=-]{16,255}|\w{3}8Q~[\w.~-]{20,64}"
            r"|(?:SK[0-9a-f]{32})++(?![^\W_]))+"
        ),
    ),
    (
        # of bootstrap and kubeadm; the name of an event ends in nanoseconds, in hexadecimal
        "token",
        (".",),
        re.compile(
            r"(?<![^\W_])(?<![.-])(?=\S{7,22}\d)[a-z0-9]{6}\.(?!1[5-9a-f][0-9a-f]{14}\b)"
            r"(?=[a-z]*\d[a-z]*\d)(?=\d*[a-z]\d*[a-z])[a-z0-9]{16}(?![^\W_]|[.-]\w)"
        ),
    ),
    (
        "webhook",
        ("hooks.slack.com/", "discord", "api.telegram.org/bot"),
        re.compile(
            r"(?P<keep>hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/"
            r"|api\.telegram\.org/bot)[\w:/-]{8,255}"
        ),
    ),
    (
        "password hash",
        ("$",),
        re.compile(r"\$(?:2[aby]|1|5|6|y|apr1|argon2id?)\$[\w./$=,+-]{20,255}"),
    ),
    (
        "signature",
        ("sig=", "Signature=", "signature="),
        re.compile(r"(?P<keep>[?&](?:sig|X-Amz-Signature|[Ss]ignature)=)[\w%+/=.-]{16,1024}"),
    ),
    (
        "cookie",
        ("ookie: ", "OOKIE: "),
        re.compile(
            r"(?P<keep>(?<![^\W_])(?i:(?:set-)?cookie): )"
            r"(?=[^\s=]{1,128}=)[^\n\"']{3,4096}"
        ),
    ),
    (
        "value",
        ("IDENTIFIED BY", "identified by", "PASSWORD '", "password '", "requirepass ", "AUTH "),
        re.compile(
            r"(?P<keep>(?<![^\W_])(?:(?i:identified by|password) '|requirepass |AUTH "
            r"(?=\S{0,200}\d)))"
            r"(?!\[redacted)[^\s']{4,512}"
        ),
    ),
    (
        "value",
        ("password ",),
        re.compile(
            r"(?P<keep>(?<![^\W_])login \S{1,128}\s{1,8}password )"
            r"(?!\[redacted:)[^\s\"']{3,512}"
        ),
    ),
    (
        "value",
        ('auth\\":', 'auth":'),
        re.compile(r"(?P<keep>(?<![^\W_])auth\\?\": ?\\?\")[A-Za-z0-9+/=]{8,4096}"),
    ),
    (
        "credentials",
        ("://",),
        re.compile(
            # only of http one writes a port, a path and an `@`; an image has its digest behind one
            r"(?:(?P<keep>(?<!http)(?<!https)(?<!ws)(?<!wss)://)(?!\[redacted:)[^\s/@\"'<>]{0,256}:"
            r"|(?P<keep_too>://)(?!\[redacted:)[^\s/@\"'<>]{0,256}:(?!\d{1,5}/))"
            r"(?:(?!://)[^\s\"'<>]){0,256}(?=@(?!sha256:[0-9a-f]{64}))"
        ),
    ),
    (
        "credentials",
        ("@tcp(", "@unix(", "oracle:", "sqlplus "),
        re.compile(
            r"(?P<keep>(?<![\w.\[-])[\w.-]{1,64}:)(?!\[redacted:)[^\s@\"']{1,256}(?=@(?:tcp|unix)\()"
            r"|(?P<keep_too>(?:oracle:[a-z0-9]{1,16}:|(?<![^\W_])sqlplus "
            r"(?:-\S{1,16} ){0,4})[\w.-]{1,64}/)"
            r"(?!\[redacted:)[^\s@\"']{1,256}(?=@)"
        ),
    ),
    (
        "value",
        ("mysql", "mariadb"),
        re.compile(
            r"(?P<keep>(?<![^\W_])(?:mysql|mariadb)(?:dump|admin|-\w{1,16})?\b[^\n"
            r"|]{0,256}?[\s\"',]-p)"
            r"(?!\[redacted:)[^\s\"',\]]{1,256}"
        ),
    ),
    (
        "value",
        ("redis-cli",),
        re.compile(
            r"(?P<keep>(?<![^\W_])redis-cli\b[^\n|]{0,256}?[\s\"',]-a[\s\"',]{1,4})"
            r"(?!\[redacted:)[^\s\"',\]]{1,256}"
        ),
    ),
    (
        "credentials",
        ("curl",),
        re.compile(
            r"(?P<keep>(?<![^\W_])curl\b[^\n|]{0,512}?[\s\"',](?:-u|--user"
            r"(?=[=\s\"',]))[=\s\"',]{0,4}[^\s:\"']{1,128}:)"
            r"(?!\[redacted:)[^\s\"']{1,256}"
        ),
    ),
    (
        "authorization",
        ("uthorization", "UTHORIZATION"),
        re.compile(
            r"(?P<keep>(?i:authorization)\\{0,7}[\"']?[ \t]{0,4}[:=][ \t]{0,4}\[?\\{0,7}[\"']?"
            r"(?i:basic|bearer|token|digest|negotiate) {1,4})[\w.~+/=:-]{4,4096}"
        ),
    ),
    (
        "authorization",
        ("earer ", "asic ", "EARER ", "ASIC "),
        re.compile(
            r"(?P<keep>(?<![^\W_])(?i:bearer|basic) {1,4})"
            r"(?=[^\s]{0,200}[0-9=])[\w.~+/=-]{12,4096}"
        ),
    ),
    (
        # of three digits, as many as a number that says nothing
        "value",
        ("cvv", "CVV", "Cvv", "cvc", "CVC", "Cvc"),
        re.compile(
            r"(?P<keep>(?<![a-z])(?i:cvv|cvc)2?\\{0,7}[\"']?[ \t]{0,4}[:=][ \t]{0,16}\\{0,7}[\"']?)"
            r"[0-9]{3,4}(?!\w)"
        ),
    ),
    (
        "e-mail",
        ("@",),
        re.compile(
            r"(?<![\w.+@/:-])(?!git@)[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}"
            r"(?![^\W_])"
        ),
    ),
)
