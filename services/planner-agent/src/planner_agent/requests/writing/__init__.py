"""Tasks that a model writes for an order that no recipe knows: what it may choose, how it is asked, what of it counts.

It chooses steps (ways of recipes, modules of the lint's table) and fills them with values that the order itself holds.
It never takes anything away, and what it says is judged by the same lint as everything else.
"""
