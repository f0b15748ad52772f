"""Refusals: does a text begin as a model's "I cannot help with that", in the languages models fall into? Pure."""

from __future__ import annotations

import re


def declines(text: str) -> bool:
    """Looks at the beginning only: "the service cannot start" further on is no refusal."""
    start = " ".join(text[:400].lower().replace("\u2019", "'").split())
    return _REFUSAL.match(start) is not None


_BEGINNINGS = {
    "en": (
        r"(?:i am|i'm) (?:so |very |really |deeply |afraid )?(?:sorry|i can)",
        r"(?:i am|i'm) (?:not able|unable|not allowed|not comfortable)",
        r"sorry,? (?:but )?(?:i|as)\b",
        r"i apologi[sz]e|my apologies|unfortunately,? i\b",
        r"as an? (?:ai|large language|language model)\b",
        r"i (?:cannot|can't|can not|won't|will not|must decline|decline|must refuse|refuse)\b",
        r"(?:i am )?unable to (?:assist|help|comply)",
    ),
    "de": (
        r"(?:es )?tut mir (?:sehr )?leid|entschuldigung|als ki\b|leider kann ich|ich bin nicht in der lage",
        r"ich kann (?:\w{2,6} ){0,3}(?:nicht|leider|keine)\b",
    ),
    "fr": (
        r"(?:je suis )?(?:vraiment |sincèrement )?désolée?\b|je ne (?:peux|puis) pas|je m'excuse",
        r"en tant qu'(?:ia|intelligence)|je suis dans l'incapacité|malheureusement,? je",
    ),
    "es": (r"lo siento|no puedo\b|disculp|me temo que no|lamentablemente,? no|como (?:una )?(?:ia\b|inteligencia)",),
    "it": (r"mi dispiace|non posso\b|mi scuso|purtroppo non|come (?:ia\b|intelligenza)",),
    "pt": (r"desculp|sinto muito|lamento\b|não posso\b|infelizmente,? não|como uma? (?:ia\b|inteligência|modelo)",),
    "nl": (
        r"het spijt me|sorry,? ik kan|ik kan (?:\w{1,6} ){0,3}(?:niet|helaas|geen)\b|helaas kan ik|als (?:een )?ai\b",
    ),
    "pl": (r"przepraszam|przykro mi|nie mogę|niestety,? nie",),
    "sv": (r"jag är ledsen|tyvärr kan jag|jag kan inte",),
    "tr": (r"üzgünüm|maalesef",),
    "ru": (r"извините|простите|к сожалению|я не могу|мне жаль|как (?:ии\b|языковая)",),
    "uk": (r"вибачте|на жаль|я не можу",),
    "zh": (r"(?:很|非常)?抱歉|对不起|對不起|我(?:无法|不能|無法|没办法)|作为(?:一个)?(?:人工智能|ai)|作為",),
    "ja": (r"申し訳|すみません|ごめんなさい|(?:その|この)?.{0,12}お手伝いできません|私は.{0,20}できません",),
    "ko": (r"죄송|미안|저는.{0,20}수 없",),
    "ar": (r"عذر|آسف|لا أستطيع|لا يمكنني",),
    "hi": (r"क्षमा|माफ़|मैं.{0,20}नहीं",),
}
_REFUSAL = re.compile(r"[\W_]{0,6}(?:" + "|".join(p for patterns in _BEGINNINGS.values() for p in patterns) + ")")
