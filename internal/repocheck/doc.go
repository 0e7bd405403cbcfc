// Package repocheck holds the rules of the house as plain Go tests that parse the repository: the import graph, the
// size budgets, and what code here does not do. It has no code of its own outside its tests.
package repocheck
