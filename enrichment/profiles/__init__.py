"""Profiles out of résumés: rules, tables and a skill list of our own, each value with its evidence."""

from __future__ import annotations

from enrichment.profiles.jsonresume import from_json_resume
from enrichment.profiles.merge import merge
from enrichment.profiles.parser import parse_profile
from enrichment.profiles.profile import Field, Profile

__all__ = ["Field", "Profile", "from_json_resume", "merge", "parse_profile"]
