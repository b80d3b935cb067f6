// Package bulk evaluates a pseudorandom function for a million identifiers at a time,
// obliviously: the [Sender], who is the transmitter of a session, comes to hold a key with
// which it can evaluate the function anywhere; the [Receiver] learns its value for its own
// identifiers, and nothing else; the sender learns how many these may be, and nothing else.
//
// It is the OPRF of Rindal and Raghuraman ("Blazing Fast PSI from Improved OKVS and Subfield
// VOLE", ePrint 2022/320, after Rindal and Schoppmann, "VOLE-PSI", ePrint 2021/266) in
// the variant against malicious parties, over GF(2^128). With H a hash into the field under
// a joint salt, and Decode(v, x) the linear combination of v that belongs to x:
//
//	Receiver, items x                                              Sender
//	--------------------------------------------------------------------
//	            <------- package vole: A + B = C·Delta ------->
//	                                      along the way: commitment to w1,
//	                                      joint coin for the matrix of Decode
//	P with Decode(P, x) = H(x) for every item
//	w2          ---- offer: w2; vector: P + C ---->  K = B + Delta·(P+C)
//	            <--- opening: w1, check of the vector --
//	w = Hash(w1, w2)                                w = Hash(w1, w2)
//	F(x) = Hash(Decode(A,x) + w, x)     F(y) = Hash(Decode(K,y) + Delta·H(y) + w, y)
//
// Both are the same where y is an item, for K = A + Delta·P. Anywhere else the receiver
// would need Delta. C hides P.
//
// What each piece answers:
//
//   - w is tossed when Delta, B and P are fixed, and the item is inside the hash: so a sender
//     who chose Delta and B cannot make one value of F fit two items, and a receiver
//     cannot look for a P that fits more items after it knows what F will be.
//   - The sender opens w1 only when it has the vector, so that P is fixed before anything
//     of F is known.
//   - The check of the vector, a hash of its value as a polynomial at a point that the sender
//     alone had chosen before it came, tells the receiver that what the sender holds is what
//     it sent, and so for the offer. Without it a fault or a man in the middle would leave the two
//     with different functions, and no match would be found.
//   - The matrix of Decode comes from a joint coin: a receiver that chose it could fit in more
//     items. How many it can fit in all the same is [Params.Encodable].
//
// Items are spread over chunks by a hash under the session's salt ([Salt]). Every chunk is
// an exchange of its own, with its own Delta, of a size that follows from the number of
// all items alone.
//
// Both parties are state machines without clock, network or randomness of their own.
package bulk
