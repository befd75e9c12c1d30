// A web service with Gin.
package main

import (
	"cmp"
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	router := gin.Default()
	router.GET("/", func(context *gin.Context) {
		context.String(http.StatusOK, "Hello from Gin")
	})
	log.Fatal(router.Run(":" + cmp.Or(os.Getenv("PORT"), "3000")))
}
