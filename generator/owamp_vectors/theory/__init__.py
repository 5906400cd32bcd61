"""The models as terms, and the terms as octets.

Terms, of any theory:

- `terms`: terms, facts, rules and equations, as plain values that print as Tamarin reads them
- `parse`: a .spthy file to those (needs the extra ``models``; nothing else here does)
- `builtin`: the symbols and equations that come with Tamarin's builtins
- `normal`: normal forms of terms

What terms are in octets:

- `rows`: what a symbol, a name, a tuple, a macro, a message is bound to (`located`: its line)
- `remarks`: what is known of the difference between terms and octets
- `room`: all of this for one theory, found by the theory's name
- `models`: the rooms, a module each; `shared`: what several of them have
- `table`: the rows for one theory, its own and the shared ones; `tuples`: what a tuple is by them
- `standins`: functions that are not in the reference

What is done with them:

- `infer`: how many octets each variable has
- `evaluate`: a term's octets, from the octets of its variables; `reading`: the other way
- `laws`: equations as laws of the bound functions; `apart`: what equals as octets but not as terms
- `mirror`: ProVerif's file beside a theory, bound by the same table
- `findings`: all remarks, with octets that are computed anew each time
- `check`: all checks of a model
- `instances`: rules with octets, and whether a run can take them
- `runs`: runs of the reference, each event of which must be a rule's (`run_checker`); `world` is
  what the events of a run have in common
- `script`: who takes which rule when endpoints play a trace, and what they are given
"""
