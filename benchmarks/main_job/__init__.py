"""The main job, judged from outside: real rows through whole processes, and what became of each."""
