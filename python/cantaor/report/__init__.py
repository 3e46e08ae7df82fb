"""What people see: the report page, tables in the terminal."""
