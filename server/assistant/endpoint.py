"""One language model at an endpoint that speaks OpenAI's protocol: the extra `llm`. Knows no article."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from openai import AsyncOpenAI
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from server.assistant.llm import Words

NO_KEY = "none"  # the SDK wants one; servers of one's own mostly do not


class Endpoint:
    """Asks once: whoever has several of them tries the next one instead of the same again."""

    def __init__(self, name: str, url: str, key: str, *, answer_tokens: int, seconds: float) -> None:
        self.name = name
        self._client = AsyncOpenAI(base_url=url, api_key=key or NO_KEY, max_retries=0, timeout=seconds)
        self._model = OpenAIChatModel(name, provider=OpenAIProvider(openai_client=self._client))
        self._settings = ModelSettings(max_tokens=answer_tokens, temperature=0.0)

    async def close(self) -> None:
        """Hang up."""
        await self._client.close()

    async def write(self, instructions: str, prompt: str) -> AsyncGenerator[Words, None]:
        """The text as it comes, without what the model thinks; then what it took, as far as the server tells."""
        request = ModelRequest(parts=[SystemPromptPart(instructions), UserPromptPart(prompt)])
        messages: list[ModelMessage] = [request]
        async with model_request_stream(self._model, messages, model_settings=self._settings) as stream:
            async for event in stream:
                match event:
                    case PartStartEvent(part=TextPart(content=text)):
                        yield Words(text)
                    case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                        yield Words(text)
            yield Words("", stream.usage.input_tokens, stream.usage.output_tokens)
