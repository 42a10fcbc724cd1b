// Package tools holds migrate/revision against the migration tools themselves:
// they make their tables and their troubles, and they say whether a stamp has
// mended them. It has tests only.
package tools
