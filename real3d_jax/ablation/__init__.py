"""The ablations of Table 5 and Figure 5: what each row turns on, and the command that runs and compares them."""
