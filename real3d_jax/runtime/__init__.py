"""What every program needs beside its subject: command lines, the terminal, processes, devices, folders."""
