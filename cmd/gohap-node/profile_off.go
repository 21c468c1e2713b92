//go:build !profile

package main

func profiled() {}
