"""A model's own chat template, rendered so that what messages say stays apart from what frames them.

The template is Jinja out of the model's file, which is not trusted: it runs in Jinja's sandbox, and in
place of every text it sees a mark. So nothing that a text says can change what the template makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

from docsearch.errors import ModelUnavailable
from docsearch.models.protocols import Message

_MARK = "\ue000{number}\ue001"
_MARKS = re.compile("\ue000(\\d+)\ue001")


class ChatTemplate:
    """Frames conversations as a model was trained to see them.

    Args:
        model: its name, for messages to the user.
        source: the template.
        begin, end: what texts begin and end with.
    """

    def __init__(self, model: str, source: str, begin: str, end: str) -> None:
        self._model = model
        self._source = source
        self._begin = begin
        self._end = end

    def render(self, messages: Sequence[Message]) -> Iterator[str | Message]:
        """The conversation in order: what frames it as strings, which may hold control tokens, and the
        messages themselves, whose texts may not.

        Raises ModelUnavailable when the template cannot be rendered.
        """
        try:
            rendered = self._rendered(messages)
        except _Refused:
            messages = _without_system(messages)
            rendered = self._rendered(messages)
        end = 0
        for match in _MARKS.finditer(rendered):
            yield rendered[end : match.start()]
            yield messages[int(match[1])]
            end = match.end()
        yield rendered[end:]

    def _rendered(self, messages: Sequence[Message]) -> str:
        """Raises _Refused when the template has no place for a message, such as that of the system."""
        from jinja2 import TemplateError
        from jinja2.exceptions import SecurityError

        marked = [
            {"role": message.role, "content": _MARK.format(number=number)}
            for number, message in enumerate(messages)
        ]
        try:
            rendered: str = self._template.render(
                messages=marked,
                add_generation_prompt=True,
                enable_thinking=False,
                bos_token=self._begin,
                eos_token=self._end,
                raise_exception=_refuse,
                strftime_now=lambda form: datetime.now().strftime(form),
            )
        except SecurityError as error:
            raise self._broken(error) from error
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            if not any(message.role == "system" for message in messages):
                raise self._broken(error) from error
            raise _Refused from error
        if sorted(_MARKS.findall(rendered)) != sorted(str(n) for n in range(len(messages))):
            if any(message.role == "system" for message in messages):
                raise _Refused
            raise self._broken(ValueError("it leaves messages out"))
        return rendered

    @cached_property
    def _template(self) -> Any:
        """The compiled template, which takes longer to make than to render."""
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        return environment.from_string(self._source)

    def _broken(self, error: Exception) -> ModelUnavailable:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return ModelUnavailable(
            f"the chat template of model '{self._model}' does not work: {reason}",
            hint="take another file of the model",
        )


class _Refused(Exception):
    """The template takes no such conversation."""


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The system's message put before the first one of the user, for models that know no system."""
    texts = [message.text for message in messages if message.role == "system"]
    others = [message for message in messages if message.role != "system"]
    return [replace(others[0], text="\n\n".join([*texts, others[0].text])), *others[1:]]
