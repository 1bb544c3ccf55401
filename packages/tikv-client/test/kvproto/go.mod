module orbit.test/kvproto

go 1.23

require (
	github.com/golang/protobuf v1.5.3
	github.com/pingcap/kvproto v0.0.0-20240924080114-4a3e17f5e62d
	google.golang.org/protobuf v1.31.0
)

require (
	github.com/gogo/protobuf v1.3.2 // indirect
	golang.org/x/net v0.17.0 // indirect
	golang.org/x/sys v0.13.0 // indirect
	golang.org/x/text v0.13.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20231016165738-49dd2c1f3d0b // indirect
	google.golang.org/grpc v1.59.0 // indirect
)
