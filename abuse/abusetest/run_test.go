package abusetest_test

import (
	"testing"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
)

func TestMemory(t *testing.T) {
	abusetest.Run(t, func(testing.TB) (func() abuse.Store, bool) {
		return func() abuse.Store { return abuse.NewMemory() }, false
	})
}
