"""Uploads a folder to the hub: file by file, then one commit, so that nothing is seen half.

Files that have arrived before are not sent again, and nothing on the hub is ever deleted.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from httpx2 import HTTPError, TransportError  # the hub library's own
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from studies.engine.errors import EngineError
from studies.engine.ports import Reporter, StopSignal

ATTEMPTS: Final = 3
PAUSE: Final = 2.0  # seconds before the second attempt; twice that before the third
LOOK: Final = 0.2  # seconds between two looks at a stop request
_RATE_LIMITED: Final = 429


class HubUploadError(EngineError):
    """An upload that did not come about; nothing was committed."""

    code = "hub_upload_failed"
    advice = "Nothing was committed; what has arrived is not sent again."


class HubTokenError(HubUploadError):
    code = "hub_token_refused"
    advice = "Type a valid token with write access, or set HF_TOKEN for the worker."


class HubForbiddenError(HubUploadError):
    code = "hub_forbidden"
    advice = "Use a token with write access to that account or organisation."


class HubBusyError(HubUploadError):
    code = "hub_rate_limited"
    advice = "Wait a while, then start the upload again."


class HubUnreachableError(HubUploadError):
    code = "hub_unreachable"
    advice = "Check the worker's connection (HF_ENDPOINT, HF_HUB_OFFLINE), then start it again."


class RepositoryPublicError(HubUploadError):
    code = "hub_repository_public"
    advice = "Make it private on the hub, choose another name, or allow a public upload."


@dataclass(frozen=True, slots=True, kw_only=True)
class HubUpload:
    """What goes where."""

    folder: Path
    files: Sequence[tuple[str, int]]  # path below the folder, bytes
    repo_id: str
    is_private: bool
    message: str
    token: str = field(repr=False)
    endpoint: str | None = None  # None: as HF_ENDPOINT says


def upload_folder(what: HubUpload, reporter: Reporter, stop: StopSignal) -> str:
    """Upload and commit; return the commit's address.

    What may pass (no connection, 429, 5xx) is tried three times in all.

    Raises:
        Stopped: the host wants to end; nothing is committed.
        HubUploadError: why it did not come about, in words and without the token.
    """
    api = HfApi(endpoint=what.endpoint, token=what.token, library_name="heretic-web")
    adding = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=what.folder / path)
        for path, _ in what.files
    ]
    attempts = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=PAUSE, max=60),
        retry=retry_if_exception(_may_pass),
        sleep=lambda seconds: _rest(seconds, stop),
        reraise=True,
    )
    try:
        return attempts(_upload, api, what, adding, reporter, stop)
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        # Without the cause: it holds the request, and the request the token.
        raise _in_words(error, what) from None


def _upload(
    api: HfApi,
    what: HubUpload,
    adding: Sequence[CommitOperationAdd],
    reporter: Reporter,
    stop: StopSignal,
) -> str:
    done, total = 0, sum(size for _, size in what.files)
    reporter.phase("uploading", done=done, total=total)
    api.create_repo(what.repo_id, private=what.is_private, exist_ok=True)
    if what.is_private and not api.model_info(what.repo_id).private:
        raise RepositoryPublicError(f"{what.repo_id} exists on the hub and is public.")
    for operation, (_, size) in zip(adding, what.files, strict=True):
        stop.check()
        api.preupload_lfs_files(what.repo_id, additions=[operation], free_memory=False)
        done += size
        reporter.phase("uploading", done=done, total=total)
    stop.check()
    reporter.phase("committing")
    info = api.create_commit(what.repo_id, operations=adding, commit_message=what.message)
    return info.commit_url


def _rest(seconds: float, stop: StopSignal) -> None:
    clock = threading.Event()
    for _ in range(max(1, round(seconds / LOOK))):
        stop.check()
        clock.wait(LOOK)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error comes from; None: no answer came."""
    answered = (one for one in _chain(error) if isinstance(one, HfHubHTTPError))
    return next((one.response.status_code for one in answered), None)


def _is_unreachable(error: BaseException) -> bool:
    """No answer came: the connection failed or broke, or took too long."""
    if _status(error) is not None:
        return False
    broken = TransportError | ConnectionError | TimeoutError
    return any(isinstance(one, broken) for one in _chain(error))


def _may_pass(error: BaseException) -> bool:
    if any(isinstance(one, OfflineModeIsEnabled) for one in _chain(error)):
        return False
    status = _status(error)
    return _is_unreachable(error) or (
        status is not None and (status == _RATE_LIMITED or status >= 500)
    )


def _in_words(error: BaseException, what: HubUpload) -> HubUploadError:
    status = _status(error)
    if status == 401:
        return HubTokenError("The hub does not accept the token.")
    if status in (403, 404):
        return HubForbiddenError(f"The token may not write to {what.repo_id}.")
    if status == _RATE_LIMITED:
        return HubBusyError("The hub takes no more requests for now (429).")
    if any(isinstance(one, OfflineModeIsEnabled) for one in _chain(error)):
        return HubUnreachableError("This worker is set to work offline (HF_HUB_OFFLINE).")
    if _is_unreachable(error):
        return HubUnreachableError("The hub cannot be reached.")
    # Where no answer came, the library hides the reason behind words of its own.
    reason = error if status is not None else list(_chain(error))[-1]
    said = (str(reason).splitlines() or [""])[0].replace(what.token, "…")[:300]
    if status is not None:
        return HubUploadError(f"The hub answered {status}: {said}")
    return HubUploadError(f"The hub's library refused: {said}")
