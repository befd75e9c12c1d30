// A web service with Echo.
package main

import (
	"cmp"
	"log"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"
)

func main() {
	server := echo.New()
	server.GET("/", func(context echo.Context) error {
		return context.String(http.StatusOK, "Hello from Echo")
	})
	log.Fatal(server.Start(":" + cmp.Or(os.Getenv("PORT"), "3000")))
}
