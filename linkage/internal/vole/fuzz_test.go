package vole

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// peerErrors are all that a message of the peer can cause.
var peerErrors = []error{ErrFormat, ErrSession, ErrPoint, ErrExtension, ErrCommitment, ErrConsistency}

// fuzzStep feeds the message of index due to a party in the state that expects it. Whatever
// comes is an error of ours or, for the messages whose sender is free, a next step.
func fuzzStep(f *testing.F, due int, free func(message, honest []byte) bool) {
	r, s := pairOf(newParams(f, 1), 1, 1)
	messages := until(f, r, s, due+1)
	honest := messages[due]
	party := stepper{receiver: r} // the sender has made the message, and it is due here
	if due%2 == 0 {
		party = stepper{sender: s}
	}
	f.Add(honest)
	f.Add([]byte(nil))
	f.Add(honest[:headerSize])
	f.Add(honest[:len(honest)-1])
	for _, at := range []int{0, 1, 2, headerSize, len(honest) / 2, len(honest) - 1} {
		f.Add(altered(honest, at))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		out, done, err := party.copy(t).step(message)
		if err == nil {
			require.True(t, bytes.Equal(message, honest) || free(message, honest), "accepted")
			require.True(t, done || out != nil)
			return
		}
		require.Nil(t, out)
		require.False(t, done)
		require.Contains(t, peerErrors, err)
	})
}

// sameHead says whether two messages agree in length and up to the place.
func sameHead(a, b []byte, place int) bool {
	return len(a) == len(b) && bytes.Equal(a[:place], b[:place])
}

func FuzzPoint(f *testing.F) {
	fuzzStep(f, 0, func(m, honest []byte) bool { return sameHead(m, honest, headerSize) })
}

func FuzzChoices(f *testing.F) {
	fuzzStep(f, 1, func(m, honest []byte) bool { return sameHead(m, honest, headerSize) })
}

func FuzzExtend(f *testing.F) {
	// Only the coin is the receiver's to choose once the rest is made.
	fuzzStep(f, 2, func(m, honest []byte) bool { return sameHead(m, honest, len(honest)-coinSize) })
}

func FuzzTrees(f *testing.F) {
	// Wrong sums show in the next message only.
	fuzzStep(f, 3, func(m, honest []byte) bool { return sameHead(m, honest, headerSize+coinSize) })
}

func FuzzChallenge(f *testing.F) {
	fuzzStep(f, 4, func(m, honest []byte) bool { return sameHead(m, honest, headerSize) })
}

func FuzzAnswer(f *testing.F) {
	fuzzStep(f, 5, func(_, _ []byte) bool { return false })
}
