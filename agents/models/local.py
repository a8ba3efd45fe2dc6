"""The embedded model: a small checkpoint run in this process on the CPU, without a server.

Invariant: what an answer holds depends on its question, its seed and the weights. Whoever else is
in the batch changes a log-prob by rounding only (below 1e-4 at float32), and so a greedy token only
where two candidates are that close. torch is loaded when a model is made, not when this module is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agents.contracts.ids import ModelId
from agents.contracts.model import Usage
from agents.models.batching import Batcher, Generation
from agents.models.chat import ChatFormat
from agents.models.protocol import Answer, ModelUnavailable, Question

if TYPE_CHECKING:
    from torch import Tensor


class LocalModel:
    """A checkpoint in Hugging Face's layout with our tokenizer; close it when done.

    threads: torch's threads for the whole process; None leaves them. dtype: float32, the default,
    makes log-probs match the trainer's; bfloat16 halves the memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_batch: int = 32,
        threads: int | None = None,
        dtype: str = "float32",
        device: str = "cpu",
    ) -> None:
        if not (path / "config.json").is_file():
            raise ModelUnavailable(
                f"expected a checkpoint in {path}, found no config.json; "
                "check AOI_MODEL__PATH, or train one with `aoi learn pretrain`"
            )
        import torch  # noqa: PLC0415 - lazily, see above

        from agents.models.engine import TransformersEngine  # noqa: PLC0415 - likewise

        if threads is not None:
            torch.set_num_threads(threads)
        self.chat = ChatFormat(path)
        self._engine = TransformersEngine(path, end_id=self.chat.end_id, dtype=dtype, device=device)
        self._batcher = Batcher(self._engine, max_batch=max_batch)

    @property
    def model_id(self) -> ModelId:
        """The folder's name and the digest of its weights."""
        return ModelId(self._engine.weights)

    async def answer(self, question: Question) -> Answer:
        """Answer one question. Raises `ModelUnavailable` when the prompt is too long."""
        prompt = tuple(self.chat.prompt_ids(question.messages))
        if len(prompt) >= self._engine.max_positions:
            raise ModelUnavailable(
                f"expected a prompt below {self._engine.max_positions} tokens, got {len(prompt)}; "
                "lower AOI_OBSERVER__PROMPT_CHARS"
            )
        done = await self._batcher.complete(
            Generation(
                prompt=prompt,
                max_tokens=question.max_tokens,
                temperature=question.temperature,
                seed=question.seed,
            )
        )
        return Answer(
            text=self.chat.text(done.tokens),
            usage=Usage(prompt_tokens=len(prompt), completion_tokens=len(done.tokens)),
            model_id=ModelId(done.weights),
            prompt_ids=prompt,
            completion_ids=tuple(done.tokens),
            logprobs=tuple(done.logprobs),
        )

    async def load(self, path: Path) -> None:
        """Serve other weights of the same tokenizer from now on; running answers end before."""
        await self._batcher.exclusively(lambda: self._engine.load(path))

    async def assign(self, weights: "Mapping[str, Tensor]", name: str) -> None:
        """Serve these weights from now on, under this identity; running answers end before."""
        await self._batcher.exclusively(lambda: self._engine.assign(weights, name))

    async def score(
        self, prompt: Sequence[int], completion: Sequence[int], *, temperature: float = 1.0
    ) -> list[float]:
        """Return the log-prob of each completion id after the prompt, as a trainer computes it."""
        found: list[float] = []

        def work() -> None:
            found.extend(self._engine.score(prompt, completion, temperature=temperature))

        await self._batcher.exclusively(work)
        return found

    def close(self) -> None:
        """Let running answers end and stop the thread."""
        self._batcher.close()
