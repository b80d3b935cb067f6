// Package vole makes correlated random vectors for two parties that do not trust each
// other: a vector oblivious linear evaluation over GF(2^128). The [Receiver] gets vectors
// A and C, the [Sender] an element Delta and a vector B, with
//
//	A + B = C·Delta
//
// at every place, and neither learns more: C looks random to the sender, Delta to
// the receiver. The vectors are long and the messages short, half a megabyte to one for
// any length, because C comes from a sparse vector by a public code.
//
//	Receiver                                                      Sender
//	--------------------------------------------------------------------
//	y             Y = y·G ----- point ------------>    Delta, coin, x[i]
//	              <------------ choices ----------- r[i,0], r[i,1], H(coin)
//	noise e (t values at t places), chi, coin
//	corrections, their check, coin -- extend ----->     checks; grows t trees
//	              <------------ trees ------------- coin, sums of the levels, d
//	checks the coin; grows the punctured trees
//	                    chi --- challenge -------->
//	              <------------ answer ------------ H(Σ chi^i·B[i] + K)
//	checks; A, C = code(a), code(e)                 B = code(b)
//
// Each file holds one stage, with its source and the attack that it answers: base.go the 128
// OTs on a curve, extend.go their extension, noisy.go the products of the noise and
// Delta, pprf.go the trees, check.go the comparison, code.go the code, params.go the sizes.
//
// Both parties are state machines without clock, network or randomness of their own. Every
// message has an exact length that follows from [Params], so a reader can refuse a
// longer one before it has it, and every hash is bound to the session id.
//
// # What it rests on
//
// Against a malicious receiver, in the random-oracle model: gap Diffie-Hellman in
// ristretto255 (base OTs), and what extend.go says of the extension.
// What a cheating receiver can gain is a guess at some bits of Delta that ends the session
// if one is wrong. Against a malicious sender: the choices in the base OTs are hidden from
// anyone; the noise, and so C, behind the ideal-cipher model for the trees and the dual
// learning-parity-with-noise assumption for the code with regular noise, allowing
// for one bit of leakage on average (see check.go). That assumption is the young
// one: nothing is proven of the code. The weight of the noise answers the best attack
// that we know (see [NewParams]), which the tests run on codes of the real size.
//
// # Time
//
// Constant in Delta, in the noise values and in all keys, given such field arithmetic and
// AES (see the packages gf128 and aeshash). Not in the places of the noise: the receiver
// writes there, and the sibling of each ancestor, so whoever shares its caches
// may see something of them.
package vole
