"""The models as terms, and the terms as octets.

- `terms`: terms, facts, rules and equations, as plain values that print as Tamarin reads them
- `parse`: a .spthy file to those (needs the extra ``models``; nothing else here does)
- `builtin`: the symbols and equations that come with Tamarin's builtins
- `bind`: the table that says which function of the reference each symbol of the models is
- `infer`: how many octets each variable has
- `evaluate`: a term's octets, from the octets of its variables
- `instance`: rules with octets for their variables, and the runs that they make up
- `laws`: the equations of a theory as laws of the bound functions, and what is apart as terms but
  not as octets
- `findings`: what came of it, with octets that are computed anew each time
- `conform`: all checks of a model as one row of a table
- `chain`: from a value of a vector back to the term of the model
"""
