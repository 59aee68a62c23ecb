"""A bucket of S3 or of a store that speaks its language: listing, reading and linking objects below a prefix."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import IO, Any
from urllib.parse import urlsplit

from retrieval.catalogs.s3.listing import Listed
from retrieval.core import AppError, BadPictureError, UnreadableError

PAGE = 1000
CONNECTIONS = 32
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
TRIES = 4
LINK_SECONDS = 3600
_WAIT_SECONDS = 0.2
_BLOCK = 1 << 20
_REFUSED = frozenset({
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId",
    "TokenRefreshRequired", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed",
})  # fmt: skip
_GONE = frozenset({"NoSuchKey", "404"})
_GIVE_THEM = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role."
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "403"})


class GoneError(UnreadableError):
    """An object that is not in the bucket any more."""


class Bucket:
    """The objects below `prefix`, which is empty or ends in `/`; keys are below it. Safe to share between threads.

    Credentials and region are found by boto3's own chain, AWS_ENDPOINT_URL names another store than Amazon's. What
    concerns one object is an UnreadableError or BadPictureError; what concerns all of them any other AppError.
    """

    def __init__(self, name: str, prefix: str) -> None:
        """Make the client; asks nothing of the network. Raises AppError where boto3 or a profile is missing."""
        self.name, self.prefix = name, prefix
        self.address = f"s3://{name}/{prefix}".rstrip("/")
        self._client, self._anonymous = _client()

    def pages(self, below: str = "") -> Iterator[list[Listed]]:
        """Yield all objects whose key begins with `below`, a thousand at a time, in order of key."""
        last = None
        while True:
            page = self._asked(
                "list_objects_v2",
                Prefix=self.prefix + below,
                MaxKeys=PAGE,
                **({"ContinuationToken": last} if last else {}),
            )
            yield [
                Listed(each["Key"][len(self.prefix) :], each["ETag"].strip('"'), each["Size"])
                for each in page.get("Contents", ())
            ]
            last = page.get("NextContinuationToken")
            if not last:
                return

    def any(self, below: str = "") -> bool:
        """Return whether there is an object whose key begins with `below`."""
        return bool(self._asked("list_objects_v2", Prefix=self.prefix + below, MaxKeys=1).get("Contents"))

    def read(self, key: str, most: int) -> tuple[bytes, str]:
        """Return an object's content and entity tag; raises BadPictureError when it has more than `most` bytes."""
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=self.prefix + key)
                with closing(answer["Body"]) as body:
                    if answer["ContentLength"] > most:
                        raise BadPictureError(f"The object is larger than {most >> 20} MB.")
                    return body.read(), answer["ETag"].strip('"')
            except _breaks() as error:  # boto3 tries requests again, but not what comes after an answer's head
                if attempt == TRIES:
                    raise _explained(error, self.address, key) from None
                time.sleep(_WAIT_SECONDS * 2**attempt)
            except _faults() as error:
                raise _explained(error, self.address, key) from None
        raise AssertionError("unreachable")

    def copy(self, key: str, file: IO[bytes]) -> None:
        """Write an object's content to `file`, a block at a time."""
        try:
            with closing(self._client.get_object(Bucket=self.name, Key=self.prefix + key)["Body"]) as body:
                for block in body.iter_chunks(_BLOCK):
                    file.write(block)
        except _faults() as error:
            raise _explained(error, self.address, key) from None

    def link(self, key: str) -> str:
        """Return an address at which anybody may read the object for LINK_SECONDS."""
        try:
            wanted = {"Bucket": self.name, "Key": self.prefix + key}
            return self._client.generate_presigned_url("get_object", wanted, ExpiresIn=LINK_SECONDS)
        except _faults() as error:
            raise _explained(error, self.address, key) from None

    def _asked(self, operation: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3's own arguments
        try:
            return getattr(self._client, operation)(Bucket=self.name, **given)
        except _faults() as error:
            told = _explained(error, self.address)
            code = getattr(error, "response", {}).get("Error", {}).get("Code")
            if self._anonymous and code in _DENIED:
                closed = f"There are no credentials for {self.address} ({code}), and it is not open to everybody."
                told = AppError(f"{closed} {_GIVE_THEM}")
            raise told from None


def _client() -> tuple[Any, bool]:
    """Return boto3's client, and whether it asks without a signature: where there are no credentials."""
    try:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
    except ImportError:
        raise AppError("Pictures in S3 need boto3. Run: pip install -r requirements-scale.txt") from None

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        response_checksum_validation="when_required",
        signature_version="s3v4",  # by themselves links are signed the older way, which newer regions refuse
    )
    try:
        session = boto3.session.Session()
        anonymous = session.get_credentials() is None
        if anonymous:  # a public bucket answers nobody in particular, and nothing could be signed
            config = config.merge(Config(signature_version=UNSIGNED))
        client = session.client("s3", config=config)
        host = urlsplit(client.meta.endpoint_url).hostname or ""
        if not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            # The other way, BUCKET.host, exists at Amazon's and at few others.
            client = session.client("s3", config=config.merge(Config(s3={"addressing_style": "path"})))
    except _faults() as error:
        raise _explained(error, "S3") from None
    except ValueError as error:
        raise AppError(f"AWS_ENDPOINT_URL is no address ({error}). Write it as https://host[:port].") from None
    return client, anonymous


def _faults() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError)


def _breaks() -> tuple[type[Exception], ...]:
    from botocore import exceptions

    return (exceptions.ReadTimeoutError, exceptions.IncompleteReadError, exceptions.ResponseStreamingError)


def _explained(error: Exception, place: str, key: str = "") -> AppError:
    """Return what a person can do about `error`: about one object where there is a `key`, else about all of them."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        answer = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        return _answered(code, answer.get("ResponseMetadata", {}).get("HTTPStatusCode"), place, key)
    credentials: Sequence[type[Exception]] = (
        exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError,
        exceptions.ProfileNotFound, exceptions.TokenRetrievalError, exceptions.SSOError,
    )  # fmt: skip
    if isinstance(error, tuple(credentials)):
        return AppError(f"There are no credentials for {place} ({error}). {_GIVE_THEM}")
    if isinstance(error, exceptions.ParamValidationError):
        return AppError(f"{place} is no place in S3. It is written s3://BUCKET/PREFIX.")
    if key:
        return UnreadableError(f"The object could not be read ({error}).")
    return AppError(
        f"{place} cannot be reached ({error}). What is done is kept; check the network and AWS_ENDPOINT_URL, "
        "and try again."
    )


def _answered(code: str, status: int | None, place: str, key: str) -> AppError:
    if code == "NoSuchBucket":
        return AppError(f"There is no bucket for {place}. Check its name, the region and AWS_ENDPOINT_URL.")
    if code in _REFUSED:
        return AppError(f"{place} refuses these credentials ({code}). Renew them; what is done is kept.")
    if key and code in _GONE:
        return GoneError("The object is not in the bucket any more.")
    if key and code == "InvalidObjectState":
        return UnreadableError("The object is archived. Restore it in S3 first.")
    if key:
        return UnreadableError(f"The object could not be read (S3 answers {status} {code}).")
    if code in _DENIED or status == 403:
        return AppError(f"Nobody lets you list {place} ({code}). The credentials need s3:ListBucket and s3:GetObject.")
    return AppError(f"{place} cannot be listed (S3 answers {status} {code}). What is done is kept; try again later.")
