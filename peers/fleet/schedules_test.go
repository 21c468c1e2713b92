//go:build !soak

package fleet

// schedules is how many of them TestModel drives.
const schedules = 200
