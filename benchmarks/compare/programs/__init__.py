"""The contenders that are not Segue: programs that each run as a process of their own."""
