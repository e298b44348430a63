// Package arch defends the floor plan of the house: one table says which room may import which, and why, and its tests
// read the sources of the whole module and name every breach.
package arch
