"""One learner after another: over time, by skill, by habit, and what is unusual for each.

What is computed is plain Python over few rows a learner (`history`, `habits`, `unusual`); the questions
beside it only read those rows and give the answer its shape.
"""
