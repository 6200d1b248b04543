/* Tokens and keys for tests alone, made with OpenSSL by way of Python. One payload:
 * {"iss":"https://idp.example/","aud":["api://a","api://b"],"sub":"s","nbf":1000000000,"iat":1000000000,"exp":2000000000,
 * "roles":["r1","r2"],"scope":"x y z","n":5,"f":1.5,"ok":true,"none":null,"o":{"a":1},"tid":"t-1"}
 * Numbers of the RSA key; the key set has five keys for signatures first and then some that are passed over. */
#ifndef TESTS_UNIT_POLICY_JWT_SAMPLES_H
#define TESTS_UNIT_POLICY_JWT_SAMPLES_H

#define SAMPLE_JWK_N \
    "sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0CW4KdBfoWCLHqe6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjm" \
    "btVobvu5jQHDjeqEVALapqq5eFRqhHpA07xVYbDaoA71eE4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK" \
    "9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1TSbH0icnvaz3752Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb" \
    "6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9r_ZWtlHQFDk4fUOBpJix4Q"
#define SAMPLE_JWK_E "AQAB"
#define SAMPLE_SECRET_BASE64 "YSBzZWNyZXQgb2YgbW9yZSB0aGFuIDMyIGJ5dGVzLCBmb3IgdGVzdHMgYWxvbmU="
#define SAMPLE_CERTIFICATE_BASE64 \
    "MIIBDzCBtaADAgECAgEBMAoGCCqGSM49BAMCMBExDzANBgNVBAMMBnNpZ25lcjAeFw0yNDAxMDEwMDAwMDBaFw0zMzEyMjkw" \
    "MDAwMDBaMBExDzANBgNVBAMMBnNpZ25lcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJCyEe6nHNMmKPrX0OGCruEAWUil" \
    "rmp4T7K2hhyxNMVkfUFfg7I1BdMBQMDBiRZUZkJSYcP0HtW0F03ZooQYw64wCgYIKoZIzj0EAwIDSQAwRgIhAMHMaBt+YSkE" \
    "T4ge9g6VKDqGaweZ3Xz2iD3QlxY9IBazAiEA/beicHD8QNoOC8jD2ZW71ynQyLL863OZ70e91AWkAwM="
#define SAMPLE_KEY_SET \
    "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":\"rsa\",\"n\":\"sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0CW4KdBfoWCLHqe" \
    "6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjmbtVobvu5jQHDjeqEVALapqq5eFRqhHpA07xVYbDaoA71e" \
    "E4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1TSbH0icnvaz37" \
    "52Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9r_ZWtlHQFDk4f" \
    "UOBpJix4Q\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"kid\":\"ec256\",\"crv\":\"P-256\",\"x\":\"kLIR7qcc0yYo-tfQ4YKu4QBZSKWu" \
    "anhPsraGHLE0xWQ\",\"y\":\"fUFfg7I1BdMBQMDBiRZUZkJSYcP0HtW0F03ZooQYw64\"},{\"kty\":\"EC\",\"kid\":\"ec384\",\"c" \
    "rv\":\"P-384\",\"x\":\"rZFVuKamJRuWY8TT1t3VNB-gtAPhychUdXvHCFhzriPjc0u6ZGiOdyGfslSvEqIg\",\"y\":\"78bvD7L7" \
    "oWk-Z7QrKOqTFxJ91lzUIBlowAAZ48333fRLxQ21O2WVwWfxlcrBrR2r\"},{\"kty\":\"EC\",\"kid\":\"ec512\",\"crv\":\"P-52" \
    "1\",\"x\":\"AbrxEvfyx5d0cPMG0EUoq6MgaTKrmU1KpNfEC2k1465Rx5UnxDRZAvlDgMepgiMgdA5YRWzVmYHJj4NHHnzBQO-1" \
    "\",\"y\":\"AW4lmyZVsYrOQtasuf-_cTpjhZ147VQ5-KG4iTU7s603pNNZellQ6f4NsXbgtPXUohtdzz6Mkqyugz3mtMeuwYWZ\"" \
    "},{\"kty\":\"EC\",\"kid\":\"x5c\",\"x5c\":[\"MIIBDzCBtaADAgECAgEBMAoGCCqGSM49BAMCMBExDzANBgNVBAMMBnNpZ25lcj" \
    "AeFw0yNDAxMDEwMDAwMDBaFw0zMzEyMjkwMDAwMDBaMBExDzANBgNVBAMMBnNpZ25lcjBZMBMGByqGSM49AgEGCCqGSM49Aw" \
    "EHA0IABJCyEe6nHNMmKPrX0OGCruEAWUilrmp4T7K2hhyxNMVkfUFfg7I1BdMBQMDBiRZUZkJSYcP0HtW0F03ZooQYw64wCg" \
    "YIKoZIzj0EAwIDSQAwRgIhAMHMaBt+YSkET4ge9g6VKDqGaweZ3Xz2iD3QlxY9IBazAiEA/beicHD8QNoOC8jD2ZW71ynQyL" \
    "L863OZ70e91AWkAwM=\"]},{\"kty\":\"RSA\",\"use\":\"enc\",\"kid\":\"enc\",\"n\":\"sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0C" \
    "W4KdBfoWCLHqe6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjmbtVobvu5jQHDjeqEVALapqq5eFRqhHpA" \
    "07xVYbDaoA71eE4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1" \
    "TSbH0icnvaz3752Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9" \
    "r_ZWtlHQFDk4fUOBpJix4Q\",\"e\":\"AQAB\"},{\"kty\":\"oct\",\"kid\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"OKP\",\"kid\":\"okp" \
    "\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"},{\"kty\":\"EC\",\"kid\":\"off\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},{\"kty\":\"RSA\",\"kid\":\"bad" \
    "\",\"n\":\"!\",\"e\":\"AQAB\"},5,{\"kty\":\"RSA\",\"kid\":\"even\",\"n\":\"sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0CW4KdBfoWC" \
    "LHqe6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjmbtVobvu5jQHDjeqEVALapqq5eFRqhHpA07xVYbDao" \
    "A71eE4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1TSbH0icnv" \
    "az3752Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9r_ZWtlHQF" \
    "Dk4fUOBpJix4A\",\"e\":\"AA\"}]}"

#define SAMPLE_RS256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.Brq9JyAHfFDbJmVDV4P72AV0qX-MOq4cO6xZRSuYPrA" \
    "5Ym1VR9MOZ0Ji7rj8rHQMygdfhl4ckl8mezKl2wZveTDgaJGFAgYje3Vf4Ps9nHt9ApmzilGqg35VsnL3k20fSmm2LJ8qDhp" \
    "owyYd9RlXwjlo-LKbkfIi7b3TD41eeKG2rfwYMYI_HLawiTjzw3Iwqg7188OQINKhOu2z1JOxmKArtdjKG0sPQvR1seHqgaa" \
    "UZ1hN7HopRls1aOFSh0w0dVYMeRR6MuGh30M-D4dp0gRfs9wTVW39oSCOs9zwtfvkBY5yHOBStoUlPBsv42ZdA9vjxJ2_vTB" \
    "2VR0byDGCTQ"
#define SAMPLE_RS384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzM4NCIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.hWeTKAAeeFlDRyzRQp4EupDmE3VIdEEP-ZddtFJGDqP" \
    "V0DTnwdhhnHIWDUSYuxNWdf9x6FvOvqVfuJ3G2cNXsa_rq5c_42jGmIwOVR8ILQA7ybknlOk-QYZ-MSMrTijlX9B1_wsvCNP" \
    "CQZRNKZrlMLrPNXudWtvN8pZMcM76PpjF-S43FK7eyWf4cX_XPOZ0nnOBKywyF2FBXZl98oYuyGM14V0sxpUCg-cu9mSaoOc" \
    "aWcv1I00cuwd7muZwRSv0ecMTyONxOli06OQvTqQAf8PJcnfkefOgFoHkXqW24ID8YpyD1OxlLaC6SQSN1qpwEy-Oy38QJsH" \
    "3B5MQe3qVnA"
#define SAMPLE_RS512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzUxMiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.qcSQyqIGBmY9tE1lm0N00uR35_WQE77m42dHFLVYB3N" \
    "ymlmkxlCpIhi2n3SL-8uDMIFQUoeG36sVrYPxSJvRkR-CJVT9QqX96ZuqJopx8MeXYspuB6EIExgnDTbzs2TF5zL5s_MhYDn" \
    "hTuO4trmLf3FmTwmqkfSav9sGODYtYPRSQXlr0E3NzXLQdXp4W5EI44Kdw63AxsoSr2VXSd8YUGBVv93KtHKadfxYsflSYIc" \
    "xld4qIINt0FBMOnsBZ4DuUwr2bEXcY90sl7ozhtp3JefOxdDbWnzSSMJl28m0IIUADIE_mrUmDAESMFva8BTXVBgmHmhejuJ" \
    "u_WwxOewamg"
#define SAMPLE_PS256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.NrSM7zflqhvHhZI5hw4p7IpuL2UbUvXDLZ-acCiJ8ey" \
    "wmx-_zq5gQXoLoyZ5yQ2hHacZPahLkNfl65moItHOr9QOREwNnu9UYhxLIkm_6HgjO5AkFwsw2slMKo7y5NjpK3n0g9ZMkf-" \
    "HcfhevHt1ba3HNL9xVIgZJvSjfVI_Y2qgzAKcEKWWvUXhCBgBTxL4AFtIMgkFJ65SOJoPf7p9mBNiXQi3ZZqc-GzbYNS5PBh" \
    "nWlm0ZdY6TksxU2ihV4PsOIYnJ39QS-f96dgpKw8Z8kTqTs16yYQuFcl67UsMWG0KdshoAbOFGEpni3KuM-HA2EJh7gVHi48" \
    "f_jA2aKyu0w"
#define SAMPLE_PS384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzM4NCIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.G17eYr8HUxmb4tcH8cHETYXFan_ZQb_yHf3RS-HFXA5" \
    "VEI4CMkvuvLeeXsusEZ4N4vBvgtBuFfrBD3yf5R3OOiUVFp01HN3kojoWg5DMmMOILOcm9777gHluz7wEU-lzMvZYLgESQh8" \
    "nfthnYsImzHN6n4pjm7OivP8jLK7zFwlM5wtB4beW_OMlqSO1S6KyERj21hAFSgCStLfubRcAoiM8PNNn5cyeGfDnrGzzcNR" \
    "A4sDT8W6mFpFEcp8kp9hX38L8rCZcKky-9lG3chXEhMivFXCDdnmo3jwaglCr19uXdelWENEXwhd1BZSQYTRYC7Zw8Zvm_aX" \
    "QgQtFxghIIQ"
#define SAMPLE_PS512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzUxMiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.TSKki5AwHC5EZr-6m__wymS8z7A_25BWvv-yK_7HZbW" \
    "V5UsK7JgmB1Vk-OlWCRH87-T-RGGs5Dh-JLhdwsHYys-FqbaVz9kGO0mcmU5mtjIWA0ttGerOMDsik1gQxuBsJjdgBv7vcXq" \
    "lKJyKHLGS9c9mCilZOQZ88IFv2vF-Cnu2N8s1OzT3Egn6kuCBjshddMInIANKS7yAEDxXCoTWGVV7U7j6nsqsyiayoGDcTHX" \
    "k9U5MW13z-mv374fmA6bL-Twng7jGkghhX5_WYZjhFL7P-xvKDUDAXI6d5BRk01qjLKiS8PhMh_kzyEtLA_vDIsuCS_rhAoN" \
    "O6yLI1D_Gig"
#define SAMPLE_ES256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiIsImtpZCI6ImVjMjU2In0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIs" \
    "ImF1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAs" \
    "ImV4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6" \
    "dHJ1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.pq38Qbc3qYa7_rf9nBglf1K6QIUJ7sg5flLUzGx-" \
    "2XqNzKV76cmnC1OBL-9qc4CVw4bEwDihh3od3Wawg98EpA"
#define SAMPLE_ES384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzM4NCIsImtpZCI6ImVjMzg0In0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIs" \
    "ImF1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAs" \
    "ImV4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6" \
    "dHJ1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.RjCDSReN8BtNfAtGHzviPzEIjUl4TTJ0ljd2ftnv" \
    "eP1CIIz7dnmnud8C7Cq9DezFrqVLEVX1AKSwYf-ZHmT1-cu9KkNJNMBOEZehVNRY5I3f6cYpTPu3vV4ogcqgzEW8"
#define SAMPLE_ES512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzUxMiIsImtpZCI6ImVjNTEyIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIs" \
    "ImF1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAs" \
    "ImV4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6" \
    "dHJ1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.AEHjruU3fWQyjLAHoVE7tP22po3opn0W7jtM23J4" \
    "n3NyqBTVh69EwSZoJqWSbtI6pSRP83hkbMfeud_OO0ln4CdhAIKueOnP8-SAYuPRbhfLz2z0zyKbJvdkY5dA6qfOFxaOYyEc" \
    "JF-BRrbILnSUqFC3zQnW0wZj7mo5p7LCI2V7J1It"
#define SAMPLE_HS256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.eGNDWz4xP2yZiSYalkH6qKaQySBsjcTt0-UicYSNlD8"
#define SAMPLE_HS384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzM4NCJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.SZUuMwLsy9rqHSPRwKjP0Tclr5mx_NNlNAxiFDYTOemkeiiTv4HzS4wIETI" \
    "J14_a"
#define SAMPLE_HS512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.VhfJnoq9DNZmVBZg_a5TcJQfsX-wQUQZHuImx8VBv2TNL2jhiWkXF2Uu3uO" \
    "K1yvQWRylei3OHyp04RwbAxnG3w"
#define SAMPLE_RS256_NO_ID \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.hAYyRQTyEiQV4Ha1BYa1k-dW11tpJj9Eb1C6POYKcHx4ShWmnVxo0Iwofqx" \
    "hs3EKhok2dz8QXzSbAFkG5lVpRkfiyxadSB1mK_tpxqowV39yugjywkTFwiGguVWOIx0C3luczYVNKh8vbzhilchx4-f9tBn" \
    "d_x0Q35aMGT8q2zquOEnheGIMIzu7BTQ_wFsovgXJtWqy0eUcxwOWXE7gMh9qrVnowqTPcHOyPyxAttqnsDn7tCWfEmfaUb9" \
    "PVQSgAZz53KDO3jcVIu2v7N5IOAykENssMftBVYc0ep2m47QdVsRuKA-vXnv491WvNAYRr2evmdtefkJWNCaDYM7xIg"
#define SAMPLE_RS256_OTHER_ID \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6Im5ldyJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.TmWQdSHMr4jt4phsh3heesKfZG4C7Rt84CdE_t5fL2K" \
    "Vkr1xIkXjIAu1IgLItkbe9m9KLzHUI7bVvq6sJar-vgXo3cqKzEu8MdC13JbGxwol7vUU6GYIyvGrw7q-ZMgTd_q7xhotygH" \
    "qrxbkDFayuwGeCSUJa2TAH5SNEYR_82Pp8g-gir5SLlzsV_Ag3OI1uHhchEYGv761YBokHjrq8bz-4HFuisovE0PpB8PocqR" \
    "G91ZjsEvO10kaLLui6GaUBuEOvOtH6gGW7mHBLLV7OdzhFxO28KrHsoMoBWDhXOT8jc9LoW9PKDGGrNhdJQZ3ImQ5nvEvwcd" \
    "u7oe55-a2KA"

#endif
