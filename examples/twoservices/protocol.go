package main

import "github.com/hueandcry/hueandcry/linkage"

// protocols are the ways to enrol, the default first.
var protocols = []string{linkage.ProtocolEC}

// unknownSize stands for a number of accounts that this process does not know.
const unknownSize = 0

// protocolFor gives the protocol of an agreement that is made here.
func (o *options) protocolFor(accounts int) string {
	if o.protocol != "" {
		return o.protocol
	}
	return linkage.ProtocolEC
}

// encodable gives the cap that n identifiers need.
func encodable(protocol string, n int64) int64 { return n }
