package main

import "github.com/hueandcry/hueandcry/linkage"

// protocols are the ways to enrol, the default first.
var protocols = []string{linkage.ProtocolEC}

// firstRun gives the sizes where none are given.
func firstRun(string) sizes { return sizes{accounts: 1 << 14, flagged: 1 << 12, overlap: 1 << 8} }

// sizesOfOthers tells, for -help, of other defaults by other protocols.
func sizesOfOthers(func(sizes) int64) string { return "" }

// encodable gives the cap that n identifiers need.
func encodable(_ string, n int64) int64 { return n }
