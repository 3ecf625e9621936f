"""A user becomes candidates."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from service.errors import UnknownUser
from service.lists.explain import Explainer
from service.lists.gathering import Gathering
from service.lists.ranking import Ranking, Reader
from service.lists.recommendation_id import Origin, name_list
from service.lists.wish import Pick, Recommendation, Wish
from service.monitoring.metrics import Metrics
from service.users.embeddings import Users
from service.users.history import Deed, Histories


class Recommender:
    """Finds out where users lie, and ranks for them off the event loop."""

    def __init__(self, users: Users, histories: Histories, ranking: Ranking, explainer: Explainer, metrics: Metrics) -> None:
        self._users, self._histories, self._ranking = users, histories, ranking
        self._explainer, self._metrics = explainer, metrics
        self._gathering = Gathering(ranking.rank, ranking.count_items)

    async def recommend(self, user_id: str, wish: Wish) -> Recommendation:
        """
        Raises:
            UnknownUser: the user is unknown and no fallback was asked for.
        """
        with self._metrics.stage("user").time():
            reader = await self._reader(user_id, wish)
        if not self._ranking.is_quick(wish):  # nobody else should wait for it
            return (await self._ranked([reader], wish))[0]
        with self._metrics.stage("search").time():
            picks = await self._gathering.rank(reader, wish)
        return await self._told(reader, picks)

    async def recommend_many(self, user_ids: Sequence[str], wish: Wish) -> list[Recommendation | UnknownUser]:
        """A list for each user, in order; where a user is unknown, the error that says so."""
        with self._metrics.stage("user").time():
            found = [await self._reader_or_error(user_id, wish) for user_id in user_ids]
        lists = iter(await self._ranked([reader for reader in found if isinstance(reader, Reader)], wish))
        return [next(lists) if isinstance(reader, Reader) else reader for reader in found]

    async def recommend_history(self, deeds: Sequence[Deed], wish: Wish) -> Recommendation:
        """
        A list for somebody of whom only these deeds are known.

        Raises:
            EventError: a deed has an unknown type, or lacks its value.
        """
        with self._metrics.stage("user").time():
            folded = await asyncio.to_thread(self._histories.fold, deeds)
        seen = [deed.item_id for deed in deeds]
        reader = Reader(folded.vector, Origin(folded.source, folded.space), seen, folded.liked if wish.explain else None)
        return replace((await self._ranked([reader], wish))[0], unknown_item_ids=folded.unknown_item_ids)

    async def _reader(self, user_id: str, wish: Wish) -> Reader:
        user = await self._users.embedding(user_id, fallback=wish.fallback)
        history = await asyncio.to_thread(self._users.history, user_id) if wish.explain else None
        return Reader(user.vector, Origin(user.source, user.space), self._users.seen_by(user_id), history)

    async def _reader_or_error(self, user_id: str, wish: Wish) -> Reader | UnknownUser:
        try:
            return await self._reader(user_id, wish)
        except UnknownUser as error:
            return error

    async def _ranked(self, readers: Sequence[Reader], wish: Wish) -> list[Recommendation]:
        with self._metrics.stage("search").time():
            lists = await asyncio.to_thread(self._ranking.rank, readers, wish)
        return [await self._told(reader, picks) for reader, picks in zip(readers, lists, strict=True)]

    async def _told(self, reader: Reader, picks: list[Pick]) -> Recommendation:
        if self._users.degraded:
            self._metrics.degraded_answers.inc()
        explanations = None
        if reader.history is not None:
            with self._metrics.stage("explain").time():
                ids = [pick.item_id for pick in picks]
                explanations = await asyncio.to_thread(self._explainer.explain, ids, reader.history)
        return Recommendation(name_list(reader.origin), reader.origin.source, picks, self._users.degraded, explanations)
