//go:build !unix

package main

// raiseFiles does nothing where there is no such limit.
func raiseFiles() {}
