"""The public codes of every refusal over REST, what each means, and how OpenAPI shows them. Raises none itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TITLES = {
    400: "The request cannot be read",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "The request is too large",
    415: "Unsupported media type",
    422: "The input cannot be accepted",
    426: "Here is a WebSocket",
    429: "Too many requests",
    500: "Something broke here",
    503: "Not available now",
}

# A code never changes its meaning and never goes away; tests hold this against what the rooms raise.
CODES = {
    "malformed_json": "the body is not JSON in UTF-8, or is nested too deeply",
    "nul_character": "a NUL character stands in the address, a header or a text: remove it",
    "refused": "the request cannot be read as HTTP",
    "body_too_large": "the body has more bytes than this server takes",
    "not_json": "the body is not declared as `application/json`",
    "no_such_route": "there is nothing at this address",
    "upgrade_required": "this address is a WebSocket: open it with an SDK",
    "method_not_allowed": "this address takes other methods, named in `Allow`",
    "internal_error": "our fault; it has been logged under the `request_id`",
    "database_unavailable": "the database does not answer: repeat after `Retry-After`",
    "invalid_input": "values are missing or wrong: `faults` names each with what would be right",
    "token_missing": "send `Authorization: Bearer <token>`",
    "token_invalid": "the token is none of ours, was revoked, or its session is over: sign in again",
    "token_expired": "the token is too old: refresh it, or sign in again",
    "token_reused": "a refresh token came a second time: its session has ended for everybody",
    "account_banned": "an administrator has banned this account",
    "wrong_credentials": "the e-mail address or the password is wrong",
    "too_many_attempts": "too many attempts to sign in, register or visit: wait for `Retry-After`",
    "too_many_sign_ins": "too many people sign in at this moment: repeat after `Retry-After`",
    "passwords_unavailable": "checking passwords takes too long at this moment: repeat after `Retry-After`",
    "session_needed": "a personal access token may not change keys: sign in for this",
    "role_needed": "the caller's role is too low, or the wanted one higher than the caller's",
    "wrong_password": "`current_password` is not the password",
    "password_changed": "the password was changed by somebody else meanwhile",
    "email_taken": "this address has an account already (said to operators alone)",
    "own_account": "nobody changes their own role or ban",
    "last_admin": "nobody else here is an admin: make somebody else one first",
    "no_such_user": "there is no such person",
    "no_such_token": "the caller has no such personal access token",
    "too_many_tokens": "the caller has as many personal access tokens as there may be: revoke one",
    "no_such_thread": "there is no such thread, or the caller may not know that there is",
    "no_such_message": "there is no such message, or the caller may not know that there is",
    "no_such_reply": "`reply_to` names no message of this thread",
    "read_only": "the caller may read this thread and not post in it",
    "not_a_manager": "only those who manage the thread may do that",
    "not_the_author": "only the author (or, to delete, a manager) may do that",
    "operators_only": "only operators may do that",
    "members_by_operators": "only operators bring others into a support thread",
    "empty_text": "the text has no visible character",
    "text_too_long": "the text has more than MESSAGE_CHARACTERS characters",
    "lone_surrogate": "the text holds half of a surrogate pair",
    "too_many_tags": "the message would carry too many tags, those in its text included",
    "unacceptable_message": "PostgreSQL refuses the message as it is",
    "client_id_contested": "the same `client_id` is being posted at this moment: repeat",
    "posted_too_often": "the same `client_id` is on its way too many times: wait for the first answer",
    "journal_full": "more is posted than can be written: repeat after `Retry-After`",
    "message_deleted": "the message was deleted and cannot change any more",
    "too_many_reactions": "the message carries as many reactions as it may",
    "two_cursors": "`before` and `after` were both given",
    "bad_cursor": "the cursor does not come from an earlier page",
    "offset_too_large": "`offset` is too large: page with `before`",
    "kind_not_for_opening": "threads of this kind open by themselves",
    "name_needed": "a room needs a `name`",
    "name_not_allowed": "only a room has a `name`: use `subject`",
    "members_not_allowed": "a room is open to everybody: leave `members` out",
    "one_member_needed": "a direct thread has exactly one other member",
    "fixed_membership": "threads of this kind have no members to change",
    "last_manager": "the group would have nobody who manages it: let another member do so first",
    "too_many_members": "the thread has as many members as it may: open a room",
    "too_many_exports": "this server writes as many exports as it may: repeat after `Retry-After`",
    "too_many_uploads": "this server takes as many files as it can at once: repeat after `Retry-After`",
    "empty_file": "the body is the file, and it is empty",
    "no_such_file": "there is no such file, or the caller may not know that there is",
    "file_too_large": "Telegram gives no file of this size to bots",
    "telegram_unavailable": "Telegram does not answer, or the bot is off: repeat after `Retry-After`",
    "no_such_attachment": "`payload.file` names no file that was sent up for this thread",
    "kind_not_handled": "threads of this kind are looked after by their members alone",
    "taken_already": "another operator looks after the thread: have it handed on to you (`transfer`)",
    "not_an_operator": "only operators and admins look after support threads",
    "no_such_article": "there is no such article",
    "article_exists": "there is an article of this key in this language: change that one",
    "bad_import": "a file cannot be read; the detail names it, and what to correct",
    "no_such_answer": "the message is no answer of the assistant's, or the caller may not know that it is",
    "wrong_secret": "the secret of the webhook is missing or wrong; only Telegram knows it",
    "not_an_update": "the body is no update of the Bot API",
    "bot_overrun": "more updates arrive than can be kept: repeat after `Retry-After`",
    "no_such_update": "there is no such update among those that were set aside",
    "not_to_be_repeated": "the message is on its way out, or has arrived: there is nothing to repeat",
    "no_such_contact": "there is no such contact",
    "bot_is_off": "there is no bot: set TELEGRAM_TOKEN",
    "too_many_attributes": "the contact would have more attributes than it may: remove some with null",
    "too_many_imports": "this server imports as many files as it may: repeat after `Retry-After`",
    "contacts_contested": "others change the same contacts at this moment: send the file again",
    "unfit_content": "the message cannot be sent to this person: `faults` names what is missing or too long",
    "notes_on_notes": "the thread is itself the notes of another",
    "no_such_endpoint": "there is no such endpoint for events",
    "no_such_event": "there is no such event, or it is older than WEBHOOK_RETENTION_DAYS",
    "url_refused": "events may not be sent to this URL: `detail` says why",
    "too_many_endpoints": "there are as many endpoints as there may be: delete one",
    "endpoint_from_settings": "this endpoint is WEBHOOK_URL of the settings: change it there",
    "no_such_campaign": "there is no such campaign",
    "not_in_this_state": "the campaign's state does not allow that: `detail` says what it allows",
    "not_frozen_yet": "the campaign's audience is still being written down: repeat in a moment",
    "no_time_to_come": "the schedule has no time to come",
    "audience_too_large": "the campaign reaches more people than an operator may start it for: an admin may",
    "count_not_confirmed": "`confirm` is not the number of people that the campaign reaches: `detail` has it",
    "bot_busy": "the bot has no place free to send in: repeat in a moment",
}

ALWAYS = {
    "malformed_json": 400,
    "nul_character": 400,
    "body_too_large": 413,
    "not_json": 415,
    "invalid_input": 422,
    "internal_error": 500,
    "database_unavailable": 503,
}
ATTEMPTED = {"too_many_attempts": 429}
HASHED = {**ATTEMPTED, "too_many_sign_ins": 429, "passwords_unavailable": 503}
SIGNED_IN = {**ALWAYS, "token_missing": 401, "token_invalid": 401, "token_expired": 401, "account_banned": 401}


def documented(*groups: Mapping[str, int], **codes: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: each code with its status, answered with a ProblemView."""
    together = {code: status for group in (*groups, codes) for code, status in group.items()}
    named: dict[int, list[str]] = {}
    for code, status in together.items():
        named.setdefault(status, []).append(f"`{code}`: {CODES[code]}")
    form = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemView"}}}
    return {
        status: {"description": f"{TITLES[status]}.\n\n" + "\n".join(f"* {line}" for line in lines), "content": form}
        for status, lines in sorted(named.items())
    }
