package main

import "github.com/hueandcry/hueandcry/linkage"

// protocols are the ways to enrol, the default first.
var protocols = []string{linkage.ProtocolEC, linkage.ProtocolVOLE}

// bulkFrom is from how many accounts on vole is the default where both parties are
// in one process. Below, elliptic curves take some seconds, and what the receiver
// enrols is hidden from the transmitter whatever it can compute; with vole that rests
// on one assumption more. From there on the curves take longer than people wait.
const bulkFrom = 50_000

// unknownSize stands for a number of accounts that this process does not know.
const unknownSize = 0

// protocolFor gives the protocol of an agreement that is made here.
func (o *options) protocolFor(accounts int) string {
	switch {
	case o.protocol != "":
		return o.protocol
	case accounts >= bulkFrom:
		return linkage.ProtocolVOLE
	}
	return linkage.ProtocolEC
}
