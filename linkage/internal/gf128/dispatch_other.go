//go:build !amd64 || purego

package gf128

func mul(a, b Element) Element              { return mulPortable(a, b) }
func mulAdd(dst, src []Element, by Element) { mulAddPortable(dst, src, by) }
func mulEach(dst, a, b []Element)           { mulEachPortable(dst, a, b) }
func innerProduct(a, b []Element) Element   { return innerProductPortable(a, b) }
