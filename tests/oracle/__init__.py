"""What the province must answer and show, worked out a second time from the contract and the rules alone.

Nothing here may come from `services` or `shared`: what both got wrong alike would never be seen. It keeps every event
and works slowly. Whoever mends a rule mends it here too, by hand and from the text.
"""

from tests.oracle.dashboard import business, dashboard
from tests.oracle.office import Office, WrongStory, after
from tests.oracle.verdicts import Verdict

__all__ = ["Office", "Verdict", "WrongStory", "after", "business", "dashboard"]
