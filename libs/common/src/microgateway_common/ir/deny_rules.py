"""Deny rules: which built-in rules are on, what is excepted, what was added (CRD DenyRules)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from microgateway_common.names import RuleKey

from .data import FieldType, RequestData
from .matching import RequestConditions
from .origin import Origin


class Level(StrEnum):
    """How strict: each level includes the rules of those before it."""

    UNFILTERED = "Unfiltered"
    BASIC = "Basic"
    STANDARD = "Standard"
    STRICT = "Strict"


class ThreatHandling(StrEnum):
    """LOG_ONLY reports a threat and never changes traffic."""

    BLOCK = "Block"
    LOG_ONLY = "LogOnly"


class RuleSetting(Struct, frozen=True):
    level: Level
    threat_handling: ThreatHandling


class RuleSettingFor(Struct, frozen=True):
    """The setting of one rule key on one type of field, where it differs from the default."""

    rule_key: RuleKey
    field_type: FieldType
    setting: RuleSetting


class RuleException(Struct, frozen=True):
    """Matches of these keys in this data of these requests are no threat.

    id: position in the resource, `exceptions[3]`, under which hits are counted.
    rule_keys: empty for all.
    """

    id: str
    rule_keys: tuple[RuleKey, ...]
    data: RequestData
    conditions: RequestConditions


class CustomRule(Struct, frozen=True):
    """Data in these requests that is always a threat. id: position in the resource, `rules[0]`."""

    id: str
    rule_key: RuleKey
    data: RequestData
    conditions: RequestConditions
    threat_handling: ThreatHandling


class DenyRules(Struct, frozen=True):
    origin: Origin
    default: RuleSetting
    settings: tuple[RuleSettingFor, ...]
    exceptions: tuple[RuleException, ...]
    custom: tuple[CustomRule, ...]
