"""Forged tokens: none is taken. Seeded mutations of good tokens, 20,000 in the deep runs.

    pytest tests/unit/test_forged_tokens.py --hypothesis-profile=prove

What re-encodes a token without changing what it says is refused too, but for one way that lies in
ECDSA itself (see the last test): every other text has another spelling of the same bytes.
"""

import hmac
import json
import string
import zlib
from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from hypothesis import settings

from functions.core.model import User
from functions.wire.errors import Unauthorized
from functions.wire.tokens import MAX_TOKEN, Verifier
from tests.signing import (
    AUDIENCE,
    DEVICE,
    NOW,
    SECOND_USER,
    STRANGER,
    TRUSTED,
    USER,
    Signer,
    decoded,
    dumped,
    encoded,
    raw_signature,
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256."""

_P384 = ec.derive_private_key(1_005, ec.SECP384R1())
_RSA = rsa.generate_private_key(65_537, 2_048)
_BASE64URL = string.ascii_letters + string.digits + "-_"

Forge = Callable[[Random, Signer], Any]


def claims_of(rng: Random, signer: Signer, **more: Any) -> dict[str, Any]:
    return signer.claims(f"u{rng.randrange(9)}", NOW, rng.randrange(60, 86_400), **more)


def good(rng: Random, signer: Signer) -> str:
    return signed(signer, claims_of(rng, signer))


def signed(signer: Signer, claims: Any, **header: Any) -> str:
    """Rightly signed; a header's value of None leaves it out."""
    told = {"alg": "ES256", "kid": signer.id, "typ": "JWT", **header}
    kept = {name: value for name, value in told.items() if value is not None}
    return signer.of_parts(dumped(kept), dumped(claims))


def unsigned(rng: Random, signer: Signer, header: dict[str, Any]) -> str:
    return f"{encoded(dumped(header))}.{encoded(dumped(claims_of(rng, signer)))}"


def parts(token: str) -> list[str]:
    return token.split(".")


def flipped(rng: Random, text: str) -> str:
    """One bit of what the text stands for."""
    content = bytearray(decoded(text))
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return encoded(bytes(content))


def cut(rng: Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


# --- the header ---


def says_another_algorithm(rng: Random, signer: Signer) -> str:
    algorithms = ["none", "None", "nOnE", "NONE", "", "HS256", "RS256", "PS256", "ES384", "ES512"]
    algorithms += ["ES256K", "EdDSA", "es256", "ES256 ", "ES256\0", "dir"]
    odd: list[Any] = [256, True, ["ES256"], {"ES256": 1}, 0.5]
    return signed(signer, claims_of(rng, signer), alg=rng.choice([*algorithms, *odd]))


def is_unsigned(rng: Random, signer: Signer) -> str:
    header = {"alg": rng.choice(["none", "None", "ES256"]), "kid": signer.id}
    return unsigned(rng, signer, header) + rng.choice(["", ".", ".AA", "." + "A" * 86])


def has_the_public_key_as_a_secret(rng: Random, signer: Signer) -> str:
    public = signer.key.public_key()
    pem, info = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    secrets = [
        public.public_bytes(pem, info),
        public.public_bytes(serialization.Encoding.DER, info),
        dumped(signer.public),
        signer.public["x"].encode(),
        decoded(signer.public["x"]),
        b"",
    ]
    content = unsigned(rng, signer, {"alg": rng.choice(["HS256", "ES256"]), "kid": signer.id})
    mac = hmac.new(rng.choice(secrets), content.encode(), sha256).digest()
    return f"{content}.{encoded(mac + rng.choice([b'', mac]))}"


def is_rsa_s(rng: Random, signer: Signer) -> str:
    content = unsigned(rng, signer, {"alg": rng.choice(["RS256", "ES256"]), "kid": signer.id})
    signature = _RSA.sign(content.encode(), padding.PKCS1v15(), SHA256())
    return f"{content}.{encoded(signature[: rng.choice([64, 256])])}"


def is_of_another_curve(rng: Random, signer: Signer) -> str:
    algorithm = rng.choice(["ES384", "ES256"])
    content = unsigned(rng, signer, {"alg": algorithm, "kid": signer.id})
    signature = raw_signature(_P384, content.encode(), SHA384(), 48)
    return f"{content}.{encoded(signature[: rng.choice([64, 96])])}"


def names_another_key(rng: Random, signer: Signer) -> str:
    others = [each.id for each in (USER, SECOND_USER, DEVICE) if each is not signer]
    unknown = ["", "uk-9", signer.id + " ", signer.id.upper(), "../" + signer.id, "' OR 1=1", "0"]
    odd: list[Any] = [None, 1, True, [signer.id], {"id": signer.id}, "k" * 5_000]
    kid = rng.choice([*others, *unknown, *odd])
    return signed(signer, claims_of(rng, signer), kid=kid)


def brings_what_it_must_not(rng: Random, signer: Signer) -> str:
    more: dict[str, Any] = rng.choice(
        [
            {"crit": ["exp"]},
            {"crit": []},
            {"crit": ["b64"], "b64": False},
            {"b64": True},
            {"b64": False},
            {"jwk": STRANGER.public},
            {"jku": "https://example.com/keys"},
            {"x5u": "https://example.com/cert"},
            {"x5c": ["AA"]},
            {"zip": "DEF"},
            {"cty": "JWT"},
            {"enc": "A256GCM"},
            {"typ": 7},
            {"typ": ["JWT"]},
        ]
    )
    return signed(rng.choice([signer, STRANGER]), claims_of(rng, signer), **more)


def has_a_doubled_header(rng: Random, signer: Signer) -> str:
    one, other = f'"alg":"{rng.choice(["none", "HS256"])}"', '"alg":"ES256"'
    first, last = rng.choice([(one, other), (other, one)])
    header = f'{{{first},"kid":"{signer.id}",{last}}}'
    by = signer if last == one else STRANGER
    return by.of_parts(header.encode(), dumped(claims_of(rng, signer)))


def has_no_header(rng: Random, signer: Signer) -> str:
    header = rng.choice([b"", b"[]", b"null", b"{", b'"x"', b"\xff\xfe", b"[" * 3_000, b"{}"])
    return signer.of_parts(header, dumped(claims_of(rng, signer)))


# --- the claims ---


def lacks_a_claim(rng: Random, signer: Signer) -> str:
    name = rng.choice(["iss", "aud", "sub", "exp", "iat"])
    claims = claims_of(rng, signer)
    if rng.random() < 0.5:
        del claims[name]
    else:
        claims[name] = None
    return signed(signer, claims)


def has_another_issuer(rng: Random, signer: Signer) -> str:
    issuers = ["", "other", signer.issuer + " ", signer.issuer.upper(), signer.issuer + "\0"]
    others = [each.issuer for each in (USER, SECOND_USER, DEVICE) if each is not signer]
    return signed(signer, claims_of(rng, signer, iss=rng.choice([*issuers, *others])))


def has_another_audience(rng: Random, signer: Signer) -> str:
    texts = ["", "softask", "softask-prod", AUDIENCE + " ", AUDIENCE.upper(), "*"]
    lists: list[Any] = [[], ["softask-prod"], [AUDIENCE, "softask-prod"], [[AUDIENCE]], [None]]
    return signed(signer, claims_of(rng, signer, aud=rng.choice([*texts, *lists])))


def has_a_claim_of_another_type(rng: Random, signer: Signer) -> str:
    name = rng.choice(["iss", "aud", "sub", "exp", "iat", "nbf"])
    value = claims_of(rng, signer, nbf=NOW // 1000)[name]
    is_time = isinstance(value, int)
    odd: list[Any] = [True, False, {}, {"value": value}, [value, value], []]
    odd += [float(value), value + 0.5, str(value), [value]] if is_time else [0, 1, 1.5]
    return signed(signer, claims_of(rng, signer) | {name: rng.choice(odd)})


def is_not_of_now(rng: Random, signer: Signer) -> str:
    began, far = NOW // 1000, rng.choice([61, 3_600, 10**6, 10**9])
    longest = TRUSTED[signer.id].longest
    times: dict[str, int] = rng.choice(
        [
            {"iat": began - far - 600, "exp": began - far},
            {"iat": began + far, "exp": began + far + 600},
            {"nbf": began + far},
            {"exp": began + longest + far},
            {"iat": began - 10**9},
            {"exp": began},
            {"exp": began - 1},
            {"exp": 10**30},
            {"exp": -(10**30)},
            {"iat": -1, "exp": 0},
            {"iat": 10**30, "exp": 10**30 + 1},
            {"exp": 0},
            {"exp": began * 1000 + 900_000, "iat": began * 1000},
        ]
    )
    return signed(signer, claims_of(rng, signer) | times)


def has_no_subject(rng: Random, signer: Signer) -> str:
    odd: list[Any] = ["", "x" * 257, 7, True, ["u1"], {"id": "u1"}, 1.5]
    return signed(signer, claims_of(rng, signer) | {"sub": rng.choice(odd)})


def has_a_doubled_claim(rng: Random, signer: Signer) -> str:
    wrong = rng.choice(['"aud":"softask-prod"', '"iss":"x"', '"exp":1', '"sub":7', '"iat":true'])
    claims = dumped(claims_of(rng, signer)).decode()
    header = dumped({"alg": "ES256", "kid": signer.id})
    return signer.of_parts(header, f"{claims[:-1]},{wrong}}}".encode())


def has_no_claims(rng: Random, signer: Signer) -> str:
    claims = dumped(claims_of(rng, signer))
    odd = [
        b"",
        b"[]",
        b"null",
        b"{",
        b'"x"',
        claims + b"x",
        claims + claims,
        b"\xef\xbb\xbf" + claims,
        b'{"more":' + b"[" * 2_700,
    ]
    odd += [b"[" * 2_000, b'{"a":' * 400, claims.replace(b"u", b"\xff"), zlib.compress(claims)]
    odd += [dumped([json.loads(claims)]), dumped(claims.decode()), claims[:-1] + b',"exp":NaN}']
    return signer.of_parts(dumped({"alg": "ES256", "kid": signer.id}), rng.choice(odd))


def is_nested(rng: Random, signer: Signer) -> str:
    """A token within a token."""
    inner = good(rng, signer)
    return signer.of_parts(dumped({"alg": "ES256", "kid": signer.id}), inner.encode())


def is_huge(rng: Random, signer: Signer) -> str:
    claims = claims_of(rng, signer, more="x" * rng.choice([3_000, 50_000]))
    return signed(signer, claims)


# --- the signature ---


def is_signed_by_another(rng: Random, signer: Signer) -> str:
    others = [each for each in (USER, SECOND_USER, DEVICE, STRANGER) if each is not signer]
    return signed(rng.choice(others), claims_of(rng, signer), kid=signer.id)


def has_another_token_s_signature(rng: Random, signer: Signer) -> str:
    one, other = parts(good(rng, signer)), parts(signed(signer, claims_of(rng, signer, jti="x")))
    return ".".join([*one[:2], other[2]])


def has_another_token_s_claims(rng: Random, signer: Signer) -> str:
    one = parts(good(rng, signer))
    other = parts(signed(signer, claims_of(rng, signer, jti=rng.random())))
    return ".".join([one[0], other[1], one[2]])


def has_a_special_signature(rng: Random, signer: Signer) -> str:
    numbers = [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1]
    header, claims, signature = parts(good(rng, signer))
    r, s = (int.from_bytes(each) for each in (decoded(signature)[:32], decoded(signature)[32:]))
    pairs = [(rng.choice(numbers), rng.choice(numbers)), (r, 0), (0, s), (s, r), (ORDER - r, s)]
    one, other = rng.choice(pairs)
    return f"{header}.{claims}.{encoded(one.to_bytes(32) + other.to_bytes(32))}"


def has_a_der_signature(rng: Random, signer: Signer) -> str:
    content = unsigned(rng, signer, {"alg": "ES256", "kid": signer.id})
    return f"{content}.{encoded(signer.key.sign(content.encode(), ec.ECDSA(SHA256())))}"


# --- the text ---


def has_a_flipped_bit(rng: Random, signer: Signer) -> str:
    each = parts(good(rng, signer))
    place = rng.randrange(3)
    each[place] = flipped(rng, each[place])
    return ".".join(each)


def has_another_letter(rng: Random, signer: Signer) -> str:
    token = good(rng, signer)
    place = rng.randrange(len(token))
    letter = rng.choice([each for each in _BASE64URL + ".=+/ ~é\0" if each != token[place]])
    return token[:place] + letter + token[place + 1 :]


def is_cut(rng: Random, signer: Signer) -> str:
    each = parts(good(rng, signer))
    place = rng.randrange(3)
    each[place] = cut(rng, each[place])
    return rng.choice([".".join(each), cut(rng, good(rng, signer)), ".".join(each[:2])])


def is_not_canonical(rng: Random, signer: Signer) -> str:
    """The same bytes, with other bits where no byte takes them up."""
    while True:
        each = parts(good(rng, signer))
        places = [place for place in range(3) if len(each[place]) % 4]
        place = rng.choice(places)
        last = _BASE64URL_ORDER.index(each[place][-1])
        other = _BASE64URL_ORDER[last ^ 1]
        each[place] = each[place][:-1] + other
        if decoded(each[place]) is not None:
            return ".".join(each)


_BASE64URL_ORDER = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def is_padded_or_spaced(rng: Random, signer: Signer) -> str:
    token = good(rng, signer)
    each = parts(token)
    padded = ".".join(part + "=" * (-len(part) % 4 or 4) for part in each)
    space = rng.choice([" ", "\t", "\n", "\r\n", "\u00a0", "\u200b", "\0"])
    place = rng.randrange(len(token) + 1)
    return rng.choice([padded, token + "=", token[:place] + space + token[place:]])


def is_wrapped(rng: Random, signer: Signer) -> str:
    token = good(rng, signer)
    header, claims, signature = parts(token)
    flat = {"protected": header, "payload": claims, "signature": signature}
    return rng.choice(
        [
            f"Bearer {token}",
            f'"{token}"',
            f"{token},{token}",
            f"{token}.{signature}",
            f".{token}",
            f"{token}.",
            f"{header}..{signature}",
            f"{header}%2E{claims}.{signature}",
            json.dumps(flat),
            token.encode().hex(),
            token.swapcase(),
            token[::-1],
        ]
    )


def is_no_text(rng: Random, signer: Signer) -> Any:
    token = good(rng, signer)
    return rng.choice([token.encode(), [token], {"token": token}, 7, True, 0.5, [], {}, False, 0])


FORGERIES: list[Forge] = [
    says_another_algorithm,
    is_unsigned,
    has_the_public_key_as_a_secret,
    is_rsa_s,
    is_of_another_curve,
    names_another_key,
    brings_what_it_must_not,
    has_a_doubled_header,
    has_no_header,
    lacks_a_claim,
    has_another_issuer,
    has_another_audience,
    has_a_claim_of_another_type,
    is_not_of_now,
    has_no_subject,
    has_a_doubled_claim,
    has_no_claims,
    is_nested,
    is_huge,
    is_signed_by_another,
    has_another_token_s_signature,
    has_another_token_s_claims,
    has_a_special_signature,
    has_a_der_signature,
    has_a_flipped_bit,
    has_another_letter,
    is_cut,
    is_not_canonical,
    is_padded_or_spaced,
    is_wrapped,
    is_no_text,
]


def tries() -> int:
    """Of each way: 1,000 together, or 20,000 in the deep runs."""
    together = 20_000 if settings().max_examples >= 10_000 else 1_000
    return -(-together // len(FORGERIES))


def is_refused(verifier: Verifier, token: Any) -> bool:
    try:
        verifier.verify(token, TRUSTED, NOW)
    except Unauthorized:
        return True
    return False


@pytest.mark.parametrize("forge", FORGERIES)
def test_row_42_a_forged_token_is_never_taken(forge: Forge) -> None:
    verifier = Verifier(AUDIENCE)
    for seed in range(tries()):
        rng = Random(f"{forge.__name__} {seed}")
        signer = rng.choice([USER, SECOND_USER, DEVICE])
        # What was once verified must not help.
        assert verifier.verify(good(rng, signer), TRUSTED, NOW)
        token = forge(rng, signer)
        assert is_refused(verifier, token), f"seed {seed}: {token!r} was taken"


@pytest.mark.parametrize(("signer", "kind"), [(USER, "user"), (DEVICE, "anonymous")])
def test_a_token_of_one_kind_never_speaks_for_the_other(
    signer: Signer, kind: Literal["user", "anonymous"]
) -> None:
    for seed in range(tries()):
        rng = Random(seed)
        claims = claims_of(rng, signer)
        found = Verifier(AUDIENCE).verify(signed(signer, claims), TRUSTED, NOW)
        assert found == User(kind, claims["sub"])


def test_the_other_signature_of_the_same_content_says_the_same() -> None:
    """(r, s) and (r, n - s) are both signatures of one content, by ECDSA itself. RFC 7515 does not
    choose, and half of what signers write is either; so both are taken, for the very same claims.
    """
    header, claims, signature = parts(USER.token("u1"))
    r, s = decoded(signature)[:32], int.from_bytes(decoded(signature)[32:])
    mirrored = f"{header}.{claims}.{encoded(r + (ORDER - s).to_bytes(32))}"
    assert Verifier(AUDIENCE).verify(mirrored, TRUSTED, NOW) == User("user", "u1")


def test_a_token_may_have_four_kilobytes_and_not_a_byte_more() -> None:
    claims = USER.claims("u1", more="")
    empty = len(signed(USER, claims))
    room = (MAX_TOKEN - empty) * 3 // 4
    fits = [signed(USER, claims | {"more": "x" * (room + more)}) for more in range(-3, 4)]
    taken = [token for token in fits if len(token) <= MAX_TOKEN]
    assert max(len(token) for token in taken) >= MAX_TOKEN - 1
    for token in fits:
        if token in taken:
            assert Verifier(AUDIENCE).verify(token, TRUSTED, NOW)
        else:
            with pytest.raises(Unauthorized):
                Verifier(AUDIENCE).verify(token, TRUSTED, NOW)
