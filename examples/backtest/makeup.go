package main
func makeUp(seed uint64, from, to day) *history { return &history{} }
