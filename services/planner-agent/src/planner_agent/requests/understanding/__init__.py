"""From a sentence to recipes and their values (docs/remedies.md, `ask`). Pure: no model, no I/O.

A value is a span of the sentence, an answer, an attachment or a recipe's default; every word must be accounted for.
"""

from planner_agent.requests.understanding.reading import understand as understand
from planner_agent.requests.understanding.results import Beyond as Beyond
from planner_agent.requests.understanding.results import Draft as Draft
from planner_agent.requests.understanding.results import NotUnderstood as NotUnderstood
from planner_agent.requests.understanding.results import Questions as Questions
