"""The services, one module each. A method is named as its RPC, takes the request and the call, returns the response.

None stands for an empty response. What is not found, refused or malformed is raised as a FarmError.
"""
